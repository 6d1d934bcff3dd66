"""Environment in which Alembic runs migrations: the connection and transaction given by `archiver.upgrade`."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
