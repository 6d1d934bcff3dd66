"""ARCHIVE_RETENTION_DAYS: which table's old rows are due, a piece at a time, so that writing goes on between. Pure."""

from collections import deque
from dataclasses import dataclass

from fraudstream.runtime.metrics import ARCHIVE_TABLES
from fraudstream.timestamps import rfc3339

PIECE = 5_000
_EVERY_S = 3_600.0
_DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Delete at most PIECE rows of `table` that are older than `before` (RFC 3339)."""

    table: str
    before: str


class Retention:
    """Asked once a round; times are in seconds since 1970, the caller's."""

    def __init__(self, days: float | None) -> None:
        """For ever, if `days` is None."""
        self._days = days
        self._tables: deque[str] = deque()
        self._next_s = 0.0

    def due(self, now_s: float) -> Piece | None:
        """What to delete now; once an hour each table, until it has no more."""
        if self._days is None:
            return None
        if not self._tables and now_s >= self._next_s:
            self._tables.extend(ARCHIVE_TABLES)
            self._next_s = now_s + _EVERY_S
        if not self._tables:
            return None
        return Piece(table=self._tables[0], before=rfc3339(max(0, round(1_000 * (now_s - _DAY_S * self._days)))))

    def deleted(self, piece: Piece, rows: int) -> None:
        """So many were; fewer than asked for: that table is done."""
        if rows < PIECE and self._tables and self._tables[0] == piece.table:
            self._tables.popleft()
