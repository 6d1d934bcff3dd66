"""Migrations of the database's schema, each from one version to the next; Alembic applies the missing ones."""
