"""Summary of the last 10 s in the log: rows archived, records skipped, lag."""

import time
from collections import Counter
from collections.abc import Callable, Mapping

import structlog

from fraudstream.runtime.log_on_change import Every

_EVERY_S = 10.0


class Report:
    """Counters that are logged every 10 s, also when there was no traffic: silence would look like a stall."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._every = Every(_EVERY_S, now)
        self._counts: Counter[str] = Counter()
        self._log = structlog.get_logger()

    def add(self, rows: Mapping[str, int], skipped: int) -> None:
        """Count a committed transaction."""
        self._counts.update(rows)
        self._counts["skipped"] += skipped

    def tick(self, lag: int) -> None:
        """Log the summary if it is due."""
        if not (seconds := self._every.due()):
            return
        counts, self._counts = self._counts, Counter()
        self._log.info(
            "last 10 s",
            archived=counts["scored_payments"],
            dead_letters=counts["dead_letters"],
            replays=counts["replays"],
            skipped=counts["skipped"],
            per_second=round((counts.total() - counts["skipped"]) / seconds, 1),
            lag=lag,
        )
