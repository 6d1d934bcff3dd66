"""One line every 10 s for those who only tail the log: what was archived in these seconds."""

import time
from collections import Counter
from collections.abc import Callable, Mapping

import structlog

_EVERY_S = 10.0


class Report:
    """Counts, and says it once in a while, also when nothing came: silence would look like a stall."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._since_s = now()
        self._counts: Counter[str] = Counter()
        self._log = structlog.get_logger()

    def add(self, rows: Mapping[str, int], passed_over: int) -> None:
        """A transaction was committed."""
        self._counts.update(rows)
        self._counts["passed_over"] += passed_over

    def tick(self, lag: int) -> None:
        """Write the line if it is due."""
        seconds = self._now() - self._since_s
        if seconds < _EVERY_S:
            return
        counts, self._counts, self._since_s = self._counts, Counter(), self._now()
        self._log.info(
            "last 10 s",
            archived=counts["scored_payments"],
            dead_letters=counts["dead_letters"],
            replays=counts["replays"],
            passed_over=counts["passed_over"],
            per_second=round((counts.total() - counts["passed_over"]) / seconds, 1),
            lag=lag,
        )
