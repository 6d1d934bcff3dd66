"""ARCHIVE_RETENTION_DAYS: expired rows by table, deleted in batches so that writing continues in between. Pure."""

from collections import deque
from dataclasses import dataclass

from fraudstream.runtime.metrics import ARCHIVE_TABLES
from fraudstream.timestamps import rfc3339

PIECE = 5_000
_EVERY_S = 3_600.0
_DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Rows to delete: at most PIECE rows of `table` that are older than `before` (RFC 3339)."""

    table: str
    before: str


class Retention:
    """Schedule of deletions; times are in seconds since 1970, given by the caller."""

    def __init__(self, days: float | None) -> None:
        """Keep rows for `days`, or forever if it is None."""
        self._days = days
        self._tables: deque[str] = deque()
        self._next_s = 0.0

    def due(self, now_s: float) -> Piece | None:
        """Return the rows to delete now; each table once an hour, until it has no more expired rows."""
        if self._days is None:
            return None
        if not self._tables and now_s >= self._next_s:
            self._tables.extend(ARCHIVE_TABLES)
            self._next_s = now_s + _EVERY_S
        if not self._tables:
            return None
        return Piece(table=self._tables[0], before=rfc3339(max(0, round(1_000 * (now_s - _DAY_S * self._days)))))

    def deleted(self, piece: Piece, rows: int) -> None:
        """Record the number of deleted rows; fewer than PIECE complete the table."""
        if rows < PIECE and self._tables and self._tables[0] == piece.table:
            self._tables.popleft()
