"""Differences between SQLite and Postgres: connecting, locking, inserting rows, the fields in JSON, and the hour."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import URL, Connection, Engine, Table

from archiver import postgres, sqlite
from archiver.rows import Row
from fraudstream.payment_schema import DeclaredField


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One kind of database."""

    engine: Callable[[URL], Engine]
    read_only_engine: Callable[[URL], Engine]
    """Return the engine of connections that can't change anything."""
    limit: Callable[[Connection], None]
    """Limit how long the server lets the current transaction run or wait."""
    lock_schema: Callable[[Connection], None]
    """Lock the schema until the end of the current transaction."""
    insert_new: Callable[[Connection, Table, Sequence[Row]], int]
    """Insert the rows whose key is not in the table; return their number."""
    compact: Callable[[Connection], None]
    """Remove the remains of deleted rows from the database's file; runs outside a transaction."""
    rename_table: Callable[[Connection, str, str], None]
    """Rename a table and its primary key; views of others keep the name that they were created with if possible."""
    grants: Callable[[Connection, str], list[str]]
    """Return the statements that give others the rights that they have on a table or view."""
    views_on: Callable[[Connection, str], set[str]]
    """Return the names of the views that prevent that a table or view is dropped."""
    is_refusal: Callable[[object], bool]
    """Return whether the driver's error means that a name is taken, or that a view reads what is to be dropped."""
    value: Callable[[DeclaredField], str]
    """Return the SQL expression for a field's value in the column `fields`."""
    index_on: Callable[[DeclaredField], str]
    """Return the expression of a field's index, which accepts any value; a query needs the same one to use it."""
    hour: str
    """SQL expression for the hour, in UTC, of the time {}."""


DIALECTS: Mapping[str, Dialect] = {
    "sqlite": Dialect(
        engine=sqlite.engine,
        read_only_engine=sqlite.read_only_engine,
        limit=lambda _: None,
        lock_schema=lambda _: None,  # BEGIN IMMEDIATE holds it
        insert_new=sqlite.insert_new,
        compact=sqlite.compact,
        rename_table=sqlite.rename_table,
        grants=lambda *_: [],
        views_on=lambda *_: set(),
        is_refusal=lambda error: getattr(error, "sqlite_errorname", None) == "SQLITE_ERROR",
        value=sqlite.value,
        index_on=sqlite.value,
        hour="strftime('%Y-%m-%dT%H:00:00Z', {})",
    ),
    "postgresql": Dialect(
        engine=postgres.engine,
        read_only_engine=postgres.read_only_engine,
        limit=postgres.limit,
        lock_schema=postgres.lock_schema,
        insert_new=postgres.insert_new,
        compact=lambda _: None,  # autovacuum does it
        rename_table=postgres.rename_table,
        grants=postgres.grants,
        views_on=postgres.views_on,
        is_refusal=lambda error: isinstance(error, postgres.REFUSALS),
        value=postgres.value,
        index_on=postgres.index_on,
        hour="date_trunc('hour', {}, 'UTC')",
    ),
}
"""Dialects by SQLAlchemy's name."""
