"""Log lines about many payments: one per second at a fast pace, and one every 10 s while payments wait unscored."""

import time
from collections.abc import Callable, Sequence

import structlog

from fraudstream.payment import APPROVE
from fraudstream.runtime.latency import quantile
from fraudstream.runtime.log_on_change import Every
from scorer.gauges import PartitionGauges
from scorer.log_lines import SECOND
from scorer.scoring import Outcome

EVERY_S = 1.0
_STALLED_EVERY_S = 10.0


class Summary:
    """Counts, latency and lag of payments without a line of their own, and whether any payment was handled."""

    def __init__(self, gauges: PartitionGauges, now: Callable[[], float] = time.monotonic) -> None:
        self._gauges = gauges
        self._now = now
        self._log = structlog.get_logger()
        self._stalled = Every(_STALLED_EVERY_S, now)
        self.begin()
        self.skip()
        self._is_idle, self._waited = True, False

    def begin(self, since_s: float = 0.0) -> None:
        """Begin to count; the first payments were fetched `since_s` seconds ago."""
        self._since_s = self._now() - since_s
        self._scored = self._flagged = self._dead = 0

    def skip(self) -> None:
        """Exclude what was handled until now, as it has lines of its own."""
        self._is_idle = False
        self._ages = self._gauges.metrics.end_to_end_latency.counts

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Count a cycle."""
        self._is_idle = False
        for outcome in outcomes:
            self._scored += len(outcome.scored)
            self._dead += len(outcome.invalid)
            self._flagged += len(outcome.scored) - outcome.scored.decision.count(APPROVE)

    @property
    def due(self) -> bool:
        """Whether a second is over."""
        return self._now() - self._since_s >= EVERY_S

    def log(self) -> int:
        """Log the payments counted, if any; return their number."""
        handled = self._scored + self._dead
        if handled:
            elapsed_s = max(EVERY_S, self._now() - self._since_s)  # less at the stop
            fresh: list[int] = (self._gauges.metrics.end_to_end_latency.counts - self._ages).tolist()
            fields = {
                "scored": self._scored,
                "flagged": self._flagged,
                "dead_letters": self._dead,
                "per_second": round(handled / elapsed_s),
                "p50_ms": _rounded(quantile(0.5, fresh)),
                "p99_ms": _rounded(quantile(0.99, fresh)),
                "lag": self._lag(),
                "partitions": len(self._gauges.ownership.ready),
            }
            self._log.info(SECOND, **{name: value for name, value in fields.items() if value is not None})
            self.skip()
        self.begin()
        return handled

    def check_progress(self) -> None:
        """Log the lag every 10 s while there is some, and no payment was handled for at least 10 s."""
        if not self._stalled.due():
            return
        lag = self._lag() if self._gauges.ownership.joined else None
        waits = self._is_idle and bool(lag)
        if waits and self._waited:
            ready = len(self._gauges.ownership.ready)
            self._log.warning("payments wait unscored", lag=lag, partitions=ready)
        self._is_idle, self._waited = True, waits

    def _lag(self) -> int | None:
        lags = self._gauges.lags
        return None if lags is None else sum(lag or 0 for lag in lags.values())


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 1)
