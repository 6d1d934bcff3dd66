"""The database as commands read it: nothing is created, upgraded or changed. Blocks."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Row
from sqlalchemy.sql.base import Executable

from archiver.database import FAILED, options_accepted, shown, unavailable
from archiver.dialects import DIALECTS
from archiver.upgrade import require_upgraded
from fraudstream.errors import FraudstreamError


class ReadOnlyDatabase:
    """Connection that only reads, opened at first use."""

    def __init__(self, url: URL) -> None:
        self._url = url
        with options_accepted():
            self._engine = DIALECTS[url.get_backend_name()].read_only_engine(url)
        self._connection: Connection | None = None

    def rows(self, statement: Executable, **parameters: Any) -> Sequence[Row[Any]]:
        """Return all rows, read in one transaction: in SQLite, the archiver waits for its end. Raises FraudstreamError.

        So a statement should be short, and its rows few.
        """
        try:
            connection = self._connection or self._connect()
            with connection.begin():
                return connection.execute(statement, parameters).all()
        except FAILED as error:
            problem = unavailable(error, self._url)
            action = f": {problem.action}" if problem.action else ""
            raise FraudstreamError(f"the archive {shown(self._url)} can't be read: {problem}{action}") from error

    def close(self) -> None:
        """Disconnect."""
        if self._connection is not None:
            self._connection.close()

    def _connect(self) -> Connection:
        if self._url.get_backend_name() == "sqlite" and not Path(self._url.database or "").exists():
            raise FraudstreamError(
                f"the archive {shown(self._url)} does not exist: start the archiver, which creates it"
            )
        with options_accepted():
            connection = self._engine.connect()
        try:
            with connection.begin():
                require_upgraded(connection)
        except BaseException:
            with suppress(*FAILED):
                connection.close()  # here: SQLite's can't be closed in another thread
            raise
        self._connection = connection
        return connection
