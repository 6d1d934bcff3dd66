"""Log lines of the archiver's progress every 10 s: counts at debug level, and a warning while records wait."""

import time
from collections import Counter
from collections.abc import Callable, Mapping

import structlog

from fraudstream.runtime.log_on_change import Every

_EVERY_S = 10.0


class Report:
    """Counters of committed transactions since the last line."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._every = Every(_EVERY_S, now)
        self._counts: Counter[str] = Counter()
        self._waited = False
        self._log = structlog.get_logger()

    def add(self, rows: Mapping[str, int], skipped: int) -> None:
        """Count a committed transaction."""
        self._counts.update(rows)
        self._counts["skipped"] += skipped

    def tick(self, lag: int) -> None:
        """Log the line that is due: the counts, or the lag if nothing was archived for at least 10 s."""
        if not (seconds := self._every.due()):
            return
        counts, self._counts = self._counts, Counter()
        handled = counts.total()
        if handled:
            self._log.debug(
                "last 10 s",
                archived=counts["scored_payments"],
                dead_letters=counts["dead_letters"],
                replays=counts["replays"],
                skipped=counts["skipped"],
                per_second=round((handled - counts["skipped"]) / seconds, 1),
                lag=lag,
            )
        elif lag and self._waited:
            self._log.warning("records wait unarchived", lag=lag)
        self._waited = bool(lag) and not handled
