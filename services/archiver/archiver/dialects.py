"""Differences between SQLite and Postgres: connecting, locking, inserting rows, and computing the hour."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.pool import NullPool

from archiver import sqlite as sqlite_file
from archiver.rows import Row

_SCHEMA_LOCK = 7_203_144_501  # any number, the same for every archiver
_CONNECT: Mapping[str, Any] = {
    "connect_timeout": 5,
    "prepare_threshold": None,  # behind a pooler the next transaction may be in another session, without our statements
    "application_name": "fraudstream-archiver",
    # detect a server that disappeared without closing the connection within half a minute
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One kind of database."""

    engine: Callable[[URL], Engine]
    limit: Callable[[Connection], None]
    """Limit how long the server lets the current transaction run or wait."""
    lock_schema: Callable[[Connection], None]
    """Lock the schema until the end of the current transaction."""
    insert_new: Callable[[Connection, Table, Sequence[Row]], int]
    """Insert the rows whose key is not in the table; return their number."""
    compact: Callable[[Connection], None]
    """Remove the remains of deleted rows from the database's file; runs outside a transaction."""
    hour: str
    """SQL expression for the hour, in UTC, of the time {}."""


def _insert_into_sqlite(connection: Connection, table: Table, rows: Sequence[Row]) -> int:
    statement = str(sqlite.insert(table).on_conflict_do_nothing().compile(dialect=connection.dialect))
    return connection.exec_driver_sql(statement, list(rows)).rowcount


def _postgres_engine(url: URL) -> Engine:
    options = {name: value for name, value in _CONNECT.items() if name not in url.query}
    return create_engine(url, poolclass=NullPool, connect_args=options, hide_parameters=True)


def _limit_postgres(connection: Connection) -> None:
    # an archiver that freezes in the middle of a transaction must not block the next one forever
    limits = {"idle_in_transaction_session_timeout": "15s", "statement_timeout": "60s"}
    settings = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in limits.items())
    connection.execute(text(f"SELECT {settings}"))


def _lock_postgres(connection: Connection) -> None:
    connection.execute(text(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})"))


def _copy_into_postgres(connection: Connection, table: Table, rows: Sequence[Row]) -> int:
    columns = ", ".join(connection.dialect.identifier_preparer.quote(column.name) for column in table.columns)
    cursor = connection.connection.cursor()
    # dropped at the commit: behind a pooler in transaction mode the session is shared with other clients
    incoming = f"archiver_{table.name}"
    cursor.execute(f"CREATE TEMP TABLE {incoming} (LIKE {table.name} INCLUDING DEFAULTS) ON COMMIT DROP")
    with cursor.copy(f"COPY {incoming} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    cursor.execute(
        f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM {incoming} ON CONFLICT DO NOTHING"  # noqa: S608 - our own names
    )
    inserted: int = cursor.rowcount
    cursor.close()
    return inserted


DIALECTS: Mapping[str, Dialect] = {
    "sqlite": Dialect(
        engine=sqlite_file.engine,
        limit=lambda _: None,
        lock_schema=lambda _: None,  # BEGIN IMMEDIATE holds it
        insert_new=_insert_into_sqlite,
        compact=sqlite_file.compact,
        hour="strftime('%Y-%m-%dT%H:00:00Z', {})",
    ),
    "postgresql": Dialect(
        engine=_postgres_engine,
        limit=_limit_postgres,
        lock_schema=_lock_postgres,
        insert_new=_copy_into_postgres,
        compact=lambda _: None,  # autovacuum does it
        hour="date_trunc('hour', {}, 'UTC')",
    ),
}
"""Dialects by SQLAlchemy's name."""
