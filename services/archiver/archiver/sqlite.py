"""The SQLite file, which other programs may open at any time: connections, transactions, rows, actions on errors."""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import URL, Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from archiver.rows import Row
from fraudstream.payment_schema import DeclaredField
from fraudstream.runtime.log_on_change import Every
from fraudstream.runtime.regular_files import refuse_planted

_LOCK_WAIT_S = 4.0
_READ_WAIT_S = 30.0
_CACHE_KB = 16_384
_LEAVE_WAL_EVERY_S = 10.0
# Not WAL: it shares memory between processes through a mapped file, which Docker Desktop's mounts don't offer.
# A journal that is truncated and synced at each commit needs only ordered writes.
_LEAVE_WAL = "PRAGMA journal_mode=TRUNCATE"
_MODE = "PRAGMA journal_mode"
_EMPTY_WAL = "PRAGMA wal_checkpoint(TRUNCATE)"
_BESIDE = ("", "-wal", "-shm", "-journal")
_UNWRITABLE = "let this user write the database's file, the files beside it and their folder"
_ACTIONS = {
    "SQLITE_BUSY": "another program holds a lock on the file: end its transaction, or close that program",
    "SQLITE_READONLY": _UNWRITABLE,
    "SQLITE_READONLY_ROLLBACK": "start the archiver: it completes what was interrupted when a process was killed",
    "SQLITE_CANTOPEN": _UNWRITABLE,
    "SQLITE_FULL": "free disk space",
    "SQLITE_IOERR": "check the disk and its free space",
    "SQLITE_PROTOCOL": "close the other programs that have the file open",
    "SQLITE_NOTADB": "move the file elsewhere, or name another one in DATABASE_URL",
    "SQLITE_CORRUPT": "restore a backup, or move the file and those beside it elsewhere: Kafka fills a new one",
}


def engine(url: URL) -> Engine:
    """Return the engine for the file that `url` names."""
    sqlite_engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": _LOCK_WAIT_S}, hide_parameters=True)
    file = _File()
    event.listen(sqlite_engine, "do_connect", _refuse_planted)
    event.listen(sqlite_engine, "connect", file.connected)
    event.listen(sqlite_engine, "begin", file.begin)
    return sqlite_engine


def read_only_engine(url: URL) -> Engine:
    """Return the engine of connections that only read, and hold a lock only while a statement runs."""
    path = Path(url.database or "")

    def connect() -> sqlite3.Connection:
        refuse_planted(path)
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_READ_WAIT_S)

    return create_engine(url, creator=connect, poolclass=NullPool, hide_parameters=True)


def _refuse_planted(_: object, __: object, arguments: list[Any], ___: object) -> None:
    """Raise OSError if another user has replaced the database by a link or anything that is not a regular file."""
    refuse_planted(Path(arguments[0]))


def action(error: BaseException, url: URL) -> str:
    """Return what a user can do about `error`; empty if that is unknown."""
    name = getattr(error, "sqlite_errorname", None) or ""
    known = _ACTIONS.get(name) or _ACTIONS.get("_".join(name.split("_")[:2]), "")
    if known is not _UNWRITABLE or not url.database:
        return known
    files = [Path(url.database + suffix) for suffix in _BESIDE]
    refused = [str(file) for file in files if file.exists() and not os.access(file, os.R_OK | os.W_OK)]
    return f"let this user write {', '.join(refused)}" if refused else known


def insert_new(connection: Connection, table: Table, rows: Sequence[Row]) -> int:
    """Insert the rows whose key is not in the table; return their number."""
    statement = str(insert(table).on_conflict_do_nothing().compile(dialect=connection.dialect))
    return connection.exec_driver_sql(statement, list(rows)).rowcount


def rename_table(connection: Connection, name: str, new: str) -> None:
    """Rename a table; views keep the name that they were created with, and broken ones do not prevent it."""
    for statement in (
        "PRAGMA legacy_alter_table=ON",
        f"ALTER TABLE {name} RENAME TO {new}",
        "PRAGMA legacy_alter_table=OFF",
    ):
        connection.exec_driver_sql(statement)


def value(field: DeclaredField) -> str:
    """Return the SQL expression for a field's value, which is also that of its index."""
    return f"json_extract(fields, '$.{field.column}')"


def compact(connection: Connection) -> None:
    """Rewrite the file without the remains of deleted rows; needs as much free disk space again in its folder."""
    driver: Any = connection.connection.driver_connection
    for statement in ("VACUUM", _EMPTY_WAL):
        driver.execute(statement).fetchall()


class _File:
    """The connection's file, as it was when connected; logs when other programs change its journal mode."""

    def __init__(self) -> None:
        self._path = Path()
        self._opened: os.stat_result | None = None
        self._is_wal = False
        self._leave_wal = Every(_LEAVE_WAL_EVERY_S)
        self._log = structlog.get_logger()

    def connected(self, connection: Any, _: object) -> None:
        """Set up the driver's new connection."""
        connection.isolation_level = None  # the driver would begin transactions by itself, and late
        self._path = Path(connection.execute("PRAGMA database_list").fetchone()[2])
        _leave_wal(self._path)
        if connection.execute(_MODE).fetchone() != ("wal",):
            connection.execute(_LEAVE_WAL).fetchall()
        folder = str(self._path.parent).replace("'", "''")
        # temporary files, of VACUUM and of new indexes, beside the file: a container's /tmp is small
        temporary = f"temp_store_directory='{folder}'"
        for pragma in ("synchronous=FULL", f"cache_size=-{_CACHE_KB}", temporary):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        self._opened = self._path.stat()

    def begin(self, connection: Connection) -> None:
        """Begin a transaction that may write. Raises sqlite3.OperationalError if the file has been replaced."""
        if not self._is_there():  # SQLite itself detects this only without WAL
            if self._is_wal:  # the -wal file keeps its name: its content would be applied to the new file
                _run(connection, _EMPTY_WAL)
            raise sqlite3.OperationalError("the file was moved, deleted or replaced while it was in use")
        if self._is_wal and self._leave_wal.due():
            _run(connection, _LEAVE_WAL)
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        self._log_mode(is_wal=connection.exec_driver_sql(_MODE).scalar() == "wal")

    def _is_there(self) -> bool:
        try:
            return self._opened is not None and os.path.samestat(self._opened, self._path.stat())
        except FileNotFoundError:
            return False

    def _log_mode(self, *, is_wal: bool) -> None:
        if is_wal and not self._is_wal:
            self._leave_wal = Every(_LEAVE_WAL_EVERY_S)
            self._log.warning(
                "database in WAL mode",
                file=str(self._path),
                reason="another program switched the file to WAL; archiving continues",
                action="close that program: the archiver then switches the file back; until then, copy it together "
                "with its -wal file",
            )
        if self._is_wal and not is_wal:
            self._log.info("database out of WAL mode", file=str(self._path))
        self._is_wal = is_wal


def _run(connection: Connection, pragma: str) -> None:
    """Run the pragma, and ignore the error if another program that has the file open prevents it."""
    with suppress(SQLAlchemyError):
        connection.exec_driver_sql(pragma).all()


def _leave_wal(path: Path) -> None:
    """Switch the file out of WAL mode if no other program has it open; exclusive access needs no shared memory."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as alone:
        alone.execute("PRAGMA locking_mode=EXCLUSIVE")
        alone.execute(_LEAVE_WAL)
