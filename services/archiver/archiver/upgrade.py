"""Brings a database's schema to this version, one archiver at a time; never touches one of a newer version."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from archiver.dialects import DIALECTS
from fraudstream.errors import FraudstreamError

_MIGRATIONS = Path(__file__).with_name("migrations")


class SchemaNewerError(FraudstreamError):
    """A newer archiver has changed the database's schema."""


def upgrade(connection: Connection) -> str | None:
    """Within a transaction of `connection`; the version that was made, or None if it was there."""
    DIALECTS[connection.dialect.name].lock_schema(connection)
    found = MigrationContext.configure(connection).get_current_revision()
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    known = {revision.revision for revision in script.walk_revisions()}
    if found is not None and found not in known:
        raise SchemaNewerError(
            f"DATABASE_URL: the database's schema has version {found}, and this archiver knows up to "
            f"{script.get_current_head()}: run the newer archiver that made it, or name another database"
        )
    if found == script.get_current_head():
        return None
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return script.get_current_head()
