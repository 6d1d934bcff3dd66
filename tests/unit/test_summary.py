"""The scorer's log line every 10 s."""

from types import SimpleNamespace
from typing import cast

import numpy as np
from structlog.testing import capture_logs
from tests.clock import Clock

from fraudstream.kafka.lag import LagProbe
from fraudstream.runtime.metrics import ScorerMetrics
from scorer.gauges import PartitionGauges
from scorer.ownership import Ownership
from scorer.summary import Summary


def gauges(*, joined: bool = True) -> PartitionGauges:
    """Return gauges of a scorer with two partitions ready."""
    ownership = cast("Ownership", SimpleNamespace(joined=joined, ready={0: None, 3: None}))
    made = PartitionGauges(ScorerMetrics(), ownership, cast("LagProbe", None))
    made.lags = {0: 4, 3: None}
    return made


def test_a_line_covers_the_time_since_the_last_one() -> None:
    """Counts and latencies cover only these seconds; unknown values are left out."""
    scorer, clock = gauges(), Clock(1_000.0)
    summary = Summary(scorer, clock)
    with capture_logs() as lines:
        for payments in (100, 50):
            scorer.metrics.payments_scored.labels("approve").inc(payments)
            scorer.metrics.payments_scored.labels("review").inc(2)
            scorer.metrics.dead_letters.labels("empty").inc(1)
            scorer.metrics.end_to_end_latency.observe(np.full(payments, 1_000_000 - payments), 1_000_000)
            clock.go(9)
            summary.tick()
            clock.go(1)
            summary.tick()
        scorer.lags = None
        clock.go(10)
        summary.tick()
    first, second, third = lines
    assert (first["scored"], first["flagged"], first["dead_letters"], first["per_second"]) == (102, 2, 1, 10.3)
    assert 70 < first["p50_ms"] <= 100
    assert (second["scored"], second["flagged"], second["dead_letters"], second["per_second"]) == (52, 2, 1, 5.3)
    assert 30 < second["p50_ms"] <= second["p99_ms"] <= 50
    assert (first["lag"], first["partitions"]) == (4, 2)
    assert third.keys() & {"p50_ms", "p99_ms", "lag"} == set()
    assert "float64" not in repr(first)


def test_it_is_silent_until_the_group_is_joined() -> None:
    """Before that, other lines log the reason for waiting."""
    clock = Clock(1_000.0)
    summary = Summary(gauges(joined=False), clock)
    clock.go(60)
    with capture_logs() as lines:
        summary.tick()
    assert lines == []
