"""Upgrade of the database's schema to this version, by one archiver at a time; a newer schema is never changed."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from archiver.dialects import DIALECTS
from archiver.migrations.versions.archive_0002 import PREVIOUS
from fraudstream.errors import FraudstreamError

MIGRATIONS = Path(__file__).with_name("migrations")


class SchemaNewerError(FraudstreamError):
    """The database's schema was upgraded by a newer archiver."""


class SchemaOlderError(FraudstreamError):
    """The database has no schema of an archive yet, an older one, or rows that are not upgraded yet."""


def upgrade(connection: Connection) -> str | None:
    """Upgrade within the current transaction; return the new version, or None if the schema was up to date."""
    DIALECTS[connection.dialect.name].lock_schema(connection)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    current = _current(connection, script)
    if current == script.get_current_head():
        return None
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return script.get_current_head()


def require_upgraded(connection: Connection) -> None:
    """Raise SchemaNewerError or SchemaOlderError unless the database has the schema of this version."""
    script = ScriptDirectory(str(MIGRATIONS))
    current, head = _current(connection, script), script.get_current_head()
    if current != head:
        found = f"has the archive's schema {current}, and this version reads {head}" if current else "has no archive"
        raise SchemaOlderError(f"DATABASE_URL: the database {found}: start the archiver, which creates and upgrades it")
    if inspect(connection).has_table(PREVIOUS):
        raise SchemaOlderError(
            "DATABASE_URL: the archiver has not moved all payments of the previous schema: wait for it"
        )


def _current(connection: Connection, script: ScriptDirectory) -> str | None:
    """Return the version of the database's schema, None without one. Raises SchemaNewerError."""
    current = MigrationContext.configure(connection).get_current_revision()
    known = {revision.revision for revision in script.walk_revisions()}
    if current is not None and current not in known:
        raise SchemaNewerError(
            f"DATABASE_URL: the database's schema has version {current}, and this archiver knows up to "
            f"{script.get_current_head()}: run the newer archiver that upgraded it, or name another database"
        )
    return current
