"""Postgres: connections, limits, bulk inserts, and what depends on a table or view."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg.errors
from sqlalchemy import URL, Connection, Engine, Table, create_engine, text
from sqlalchemy.pool import NullPool

from archiver.rows import Row
from fraudstream.payment_schema import DeclaredField

REFUSALS = (
    psycopg.errors.DuplicateTable,
    psycopg.errors.DependentObjectsStillExist,
    psycopg.errors.WrongObjectType,
)
"""Errors of a statement that creates or drops what others have or use."""
_SCHEMA_LOCK = 7_203_144_501  # any number, the same for every archiver
_INDEXED_CHARACTERS = 600
"""A B-tree refuses rows above 2.7 kB; a character has up to 4 bytes."""
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
_GRANTS = """
    SELECT format('GRANT %s ON %I TO %s', privilege_type, relname,
                  CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)
    FROM pg_class, aclexplode(relacl)
    WHERE oid = to_regclass(:name) AND grantee <> relowner"""
_VIEWS_ON = """
    SELECT DISTINCT pg_class.relname
    FROM pg_depend
    JOIN pg_rewrite ON pg_rewrite.oid = pg_depend.objid
    JOIN pg_class ON pg_class.oid = pg_rewrite.ev_class
    WHERE pg_depend.classid = 'pg_rewrite'::regclass
      AND pg_depend.refobjid = to_regclass(:name) AND pg_class.oid <> to_regclass(:name)"""


def engine(url: URL) -> Engine:
    """Return the engine for the server that `url` names."""
    options = {name: value for name, value in _CONNECT.items() if name not in url.query}
    return create_engine(url, poolclass=NullPool, connect_args=options, hide_parameters=True)


def read_only_engine(url: URL) -> Engine:
    """Return the engine of connections whose transactions are read-only."""
    return engine(url).execution_options(postgresql_readonly=True)


def limit(connection: Connection) -> None:
    """Limit how long the transaction may run or wait."""
    # an archiver that freezes in the middle of a transaction must not block the next one forever
    _set(connection, idle_in_transaction_session_timeout="15s", statement_timeout="60s")


def lock_schema(connection: Connection) -> None:
    """Lock the schema until the end of the transaction, in which statements may take as long as they need."""
    # numbers are converted to text with all of their digits
    _set(connection, statement_timeout="0", extra_float_digits="1")
    connection.execute(text(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})"))


def _set(connection: Connection, **values: str) -> None:
    settings = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in values.items())
    connection.execute(text(f"SELECT {settings}"))


def insert_new(connection: Connection, table: Table, rows: Sequence[Row]) -> int:
    """Insert the rows whose key is not in the table; return their number."""
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


def rename_table(connection: Connection, name: str, new: str) -> None:
    """Rename a table and its primary key."""
    connection.exec_driver_sql(f"ALTER TABLE {name} RENAME CONSTRAINT {name}_pk TO {new}_pk")
    connection.exec_driver_sql(f"ALTER TABLE {name} RENAME TO {new}")


def grants(connection: Connection, name: str) -> list[str]:
    """Return the statements that give others the rights that they have on a table or view."""
    return list(connection.execute(text(_GRANTS), {"name": name}).scalars())


def views_on(connection: Connection, name: str) -> set[str]:
    """Return the names of the views that read a table or view."""
    return set(connection.execute(text(_VIEWS_ON), {"name": name}).scalars())


def value(field: DeclaredField) -> str:
    """Return the SQL expression for a field's value, NULL if it has another type; see `index_on`."""
    member = f"fields -> '{field.column}'"
    text_of = f"fields ->> '{field.column}'"
    if field.secret or field.type in {"text", "category", "time"}:
        return index_on(field) if field.index and field.max_length <= _INDEXED_CHARACTERS else text_of
    kind, cast = ("boolean", "boolean") if field.type == "boolean" else ("number", "numeric")
    return f"CASE jsonb_typeof({member}) WHEN '{kind}' THEN ({text_of})::{cast} END"


def index_on(field: DeclaredField) -> str:
    """Return the expression of a field's index: for texts, their beginning, which fits into any row of an index."""
    if field.secret or field.type in {"text", "category", "time"}:
        return f"left(fields ->> '{field.column}', {_INDEXED_CHARACTERS})"
    return value(field)
