"""Rejected rows of one file: counted, and the first ten logged."""

from collections.abc import Iterable
from pathlib import Path

import structlog

from fraudstream.payment_files.rows import Rejected

LISTED = 10


class Rejections:
    """Counter of the rejected rows of `path`; it logs the first ten with line, column and value."""

    def __init__(self, path: Path, log: structlog.stdlib.BoundLogger) -> None:
        self.count = 0
        self.first: Rejected | None = None
        self._path = path
        self._log = log

    def add(self, rejected: Iterable[Rejected]) -> None:
        """Count the rows, and log the first ten of the file."""
        for row in rejected:
            self.first = self.first or row
            self.count += 1
            if self.count <= LISTED:
                self._log.warning(
                    "row rejected", file=str(self._path), line=row.line, reason=row.reason, detail=row.detail
                )

    def finish(self, **fields: object) -> None:
        """Log the number of rejected rows, if any."""
        if self.count:
            self._log.warning(
                "rows rejected", rows=self.count, listed=min(self.count, LISTED), file=str(self._path), **fields
            )
