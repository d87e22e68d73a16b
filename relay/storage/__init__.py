"""The relay's durable memory: SQLAlchemy models, migrations, and the one factory of transactions.

The only importer of SQLite and PostgreSQL drivers; every other package of `relay` takes a `Storage`.
"""
