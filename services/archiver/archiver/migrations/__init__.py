"""The versions of the database's schema, each a step from the one before; Alembic applies what is missing."""
