"""A log line every 10 s with the counts and latencies of that interval, from the metrics."""

import time
from collections.abc import Callable

import structlog
from prometheus_client import Counter

from fraudstream.payment import APPROVE
from fraudstream.runtime.latency import quantile
from fraudstream.runtime.log_on_change import Every
from scorer.gauges import PartitionGauges

_EVERY_S = 10.0


class Summary:
    """The summary, logged once the group is joined, also without payments: silence would look like a stall."""

    def __init__(self, gauges: PartitionGauges, now: Callable[[], float] = time.monotonic) -> None:
        self._gauges = gauges
        self._every = Every(_EVERY_S, now)
        self._before = self._counts()
        self._ages = gauges.metrics.end_to_end_latency.counts
        self._log = structlog.get_logger()

    def tick(self) -> None:
        """Log the line if it is due."""
        lags, ownership = self._gauges.lags, self._gauges.ownership
        if not ownership.joined or not (seconds := self._every.due()):
            return
        before, self._before = self._before, self._counts()
        scored, approved, dead = (now - then for now, then in zip(self._before, before, strict=True))
        ages, self._ages = self._ages, self._gauges.metrics.end_to_end_latency.counts
        fresh: list[int] = (self._ages - ages).tolist()
        fields = {
            "scored": scored,
            "flagged": scored - approved,
            "dead_letters": dead,
            "per_second": round((scored + dead) / seconds, 1),
            "p50_ms": _rounded(quantile(0.5, fresh)),
            "p99_ms": _rounded(quantile(0.99, fresh)),
            "lag": None if lags is None else sum(lag or 0 for lag in lags.values()),
            "partitions": len(ownership.ready),
        }
        self._log.info("last 10 s", **{name: value for name, value in fields.items() if value is not None})

    def _counts(self) -> tuple[int, int, int]:
        """Return the payments scored, the payments approved, and the dead letters, since the start."""
        metrics = self._gauges.metrics
        scored = _by_label(metrics.payments_scored)
        return sum(scored.values()), scored[APPROVE], sum(_by_label(metrics.dead_letters).values())


def _by_label(counter: Counter) -> dict[str, int]:
    """Return a counter's values, by the value of its only label."""
    samples = (sample for family in counter.collect() for sample in family.samples)
    return {next(iter(sample.labels.values())): round(sample.value) for sample in samples}


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 1)
