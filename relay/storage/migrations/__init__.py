"""Alembic's scripts: one revision a change of the tables, applied when the relay starts.

`migrate.py` beside this folder runs them; nobody imports anything from here.
"""
