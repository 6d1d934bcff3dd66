"""The database: its address, its single connection, its transactions, and its errors as text that a user can act on.

Everything except `address` and `shown` blocks, and runs in the worker's thread.
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import unquote

import psycopg
import structlog
from sqlalchemy import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DataError, SQLAlchemyError

from archiver.carrying_over import carry_over
from archiver.definitions import define
from archiver.dialects import DIALECTS
from archiver.rows import Row
from archiver.schema import METADATA
from archiver.sqlite import action
from archiver.upgrade import upgrade
from fraudstream.errors import SettingsError, SinkUnavailableError
from fraudstream.payment_schema import PaymentSchema
from fraudstream.runtime.log_on_change import Every

FAILED = (SQLAlchemyError, sqlite3.Error, psycopg.Error, OSError)
"""Errors of a database that can't do the work."""
_POSTGRES = frozenset({"postgres", "postgresql", "postgresql+psycopg"})
_REASON_CHARACTERS = 300
_LOG_EVERY_S = 10.0
_QUOTED = re.compile(r'"([^"]*)"')
_PART = 4
"""Length of the shortest part of a secret, in characters, that no message may contain."""
_EXAMPLES = "sqlite:///outputs/payments.db or postgresql://user:password@host:5432/database"


def address(text: str) -> URL:
    """Return the URL in DATABASE_URL. Raises SettingsError, which never quotes it: it may contain a password."""
    if text.count("@") > 1 or "@" in text.partition("?")[2]:
        # the password would end at the first @, and its rest would be read as the host's name
        raise SettingsError(
            "DATABASE_URL: has more than one @, or one after a ?; in user, password and options write @ as %40 "
            "and ? as %3F (the same holds for the file that DATABASE_URL_FILE names)"
        )
    if "\0" in unquote(text):  # the driver would read the address only up to the NUL
        raise SettingsError("DATABASE_URL: has a NUL character (%00), which neither SQLite nor Postgres accepts")
    try:
        text.encode()
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise SettingsError(f"DATABASE_URL: not the address of a database, as {_EXAMPLES}") from None
    if url.drivername in _POSTGRES:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername != "sqlite":
        raise SettingsError(f"DATABASE_URL: neither SQLite's nor Postgres': {_EXAMPLES}")
    if not url.database or ":memory:" in url.database:
        raise SettingsError(
            "DATABASE_URL: names no file; in memory nothing would be kept: sqlite:///outputs/payments.db"
        )
    return url


def shown(url: URL) -> str:
    """Return the address for the log: without its password, and without options, which may contain one too."""
    place = url.set(drivername=url.get_backend_name(), query={})
    return place.render_as_string(hide_password=True)


class DatabaseUnavailableError(SinkUnavailableError):
    """The database can't do the work now; `action` tells the user what to do, and is empty if that is unknown."""

    def __init__(self, reason: str, action: str) -> None:
        super().__init__(reason)
        self.action = action


class Database:
    """Connection that is opened at first use and again after each error; opening it upgrades the schema."""

    def __init__(self, url: URL, payments: PaymentSchema | None = None) -> None:
        """Take the address, and the declared fields that view and indexes are to follow; None changes neither."""
        self._payments = payments
        self._dialect = DIALECTS[url.get_backend_name()]
        with options_accepted():
            self._engine = self._dialect.engine(url)
        self._connection: Connection | None = None
        self._log = structlog.get_logger()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Commit at the end of the block, or roll back if the block raises.

        Raises DatabaseUnavailableError if the database can't do it now; the commit may have succeeded nevertheless.
        """
        try:
            connection = self._connection or self._connect()
            with connection.begin():
                self._dialect.limit(connection)
                yield connection
        except FAILED as error:
            raise self._failed(error) from error

    def compact(self) -> None:
        """Remove the remains of deleted rows from an SQLite file. Raises the same errors as `transaction`."""
        try:
            self._dialect.compact(self._connection or self._connect())
        except FAILED as error:
            raise self._failed(error) from error

    def insert_new(self, connection: Connection, table: str, rows: Sequence[Row]) -> int:
        """Insert the rows whose key is not in the table; return their number."""
        return self._dialect.insert_new(connection, METADATA.tables[table], rows) if rows else 0

    def close(self) -> None:
        """Disconnect."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*FAILED):
                connection.close()

    def _failed(self, error: BaseException) -> DatabaseUnavailableError:
        self.close()
        return unavailable(error, self._engine.url)

    def _connect(self) -> Connection:
        with options_accepted():
            connection = self._engine.connect()
        try:
            self._upgrade(connection)
        except BaseException:
            with suppress(*FAILED):
                connection.close()
            raise
        self._connection = connection
        return connection

    def _upgrade(self, connection: Connection) -> None:
        with connection.begin():
            version = upgrade(connection)
        if version:
            self._log.info("schema upgraded", version=version)
        moved, is_due = 0, Every(_LOG_EVERY_S)
        for rows in carry_over(connection):
            moved += rows
            if is_due.due():
                self._log.info("rows of the previous schema moved", rows=moved)
        if moved:
            self._log.info("all rows of the previous schema moved", rows=moved)
        if self._payments is None:
            return
        with connection.begin():
            if define(connection, self._payments):
                self._log.info("view and indexes follow the declared fields", fields=len(self._payments.fields))


@contextmanager
def options_accepted() -> Iterator[None]:
    """Raise SettingsError if the driver rejects an option of the address; the driver's own error would quote it."""
    try:
        yield
    except (ArgumentError, TypeError, ValueError) as error:
        raise SettingsError(
            f"DATABASE_URL: the driver refuses its options or its encoding ({type(error).__name__}); "
            f"what is after ? must be options of the driver, as {_EXAMPLES}"
        ) from None


def unavailable(error: BaseException, url: URL) -> DatabaseUnavailableError:
    """Return one of the errors FAILED as text for a user."""
    return DatabaseUnavailableError(reason(error, url), action(_original(error), url))


def _original(error: BaseException) -> BaseException:
    return getattr(error, "orig", None) or error


def reason(error: BaseException, url: URL) -> str:
    """Return the cause in one line, without data (statements, values), the password and the options."""
    original = _original(error)
    name = type(original).__name__
    if isinstance(error, DataError) or isinstance(original, psycopg.DataError | psycopg.IntegrityError):
        return f"it refuses a row: {name}"
    # only the server's primary message: the lines after it quote statements and rows
    message = original.diag.message_primary if isinstance(original, psycopg.Error) else None
    text = " ".join((message or str(original)).split())
    if text and url.get_backend_name() == "postgresql":
        text = _without_secrets(text, url) or f"{name}, whose message has a part of the password or of an option"
    return text[:_REASON_CHARACTERS] or name


def _without_secrets(text: str, url: URL) -> str:
    """Return the driver's message without quotations of the address; empty if a part of a secret remains in it."""
    shown_names = [name for name in (url.host, url.username, url.database) if name]
    text = _QUOTED.sub(lambda quoted: quoted[0] if quoted[1] in shown_names else '"…"', text)
    options = [value for values in url.query.values() for value in ([values] if isinstance(values, str) else values)]
    secrets = [str(url.password or ""), *url.query, *options]
    parts = {secret[at : at + _PART] for secret in secrets for at in range(len(secret) - _PART + 1)}
    left = [part for part in parts if part in text and not any(part in name for name in shown_names)]
    return "" if left else text
