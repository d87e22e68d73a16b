"""The revisions, oldest first by their names.

Read by Alembic; nobody imports anything from here.
"""
