"""Tables and statements: one schema, SQLite and PostgreSQL behind one door, group commit.

The only package that knows SQLAlchemy, Alembic or a database driver. Invariants live in the schema (unique partial
indexes, checks), so that a defect above cannot break them.
"""
