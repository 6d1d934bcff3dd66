"""Replicas as described by their metrics."""

import numpy as np
import pytest
from prometheus_client import generate_latest

from dashboard.exposition import Reading, reading
from dashboard.replicas import Answer, Replicas
from fraudstream.payment_schema import default_schema
from fraudstream.runtime.metrics import ArchiverMetrics, ProducerMetrics, ScorerMetrics, ServiceMetrics


def exposition(metrics: ServiceMetrics, started_s: float = 1.0) -> Reading:
    """Return the answer of a service with these metrics."""
    found = reading(generate_latest(metrics.registry).decode())
    found.started_s = started_s
    return found


def scorer(scored: int, ages_ms: list[int]) -> ScorerMetrics:
    """Return the metrics of a scorer that has scored N payments."""
    metrics = ScorerMetrics()
    metrics.ready.set(1)
    metrics.payments_scored.labels("approve").inc(scored)
    metrics.end_to_end_latency.observe(1_000_000 - np.array(ages_ms), 1_000_000)
    metrics.partition_ready.labels(0).set(1)
    metrics.partition_ready.labels(3).set(0)
    metrics.lag.labels(0).set(7)
    metrics.model.labels("champion", "v1", "hgb").set(1)
    metrics.drift_psi.labels("amount").set(0.5)
    metrics.drift_limit.labels("amount").set(0.25)
    metrics.drifting.labels("amount").set(1)
    return metrics


def test_a_scorer_is_read_as_it_shows_itself() -> None:
    """The metrics are read from Prometheus's own text format."""
    replicas = Replicas()
    replicas.update("scorer:9400", {"10.0.0.1:9400": Answer("fraud-scorer-1", exposition(scorer(5, [])))}, 0.0)
    shown = replicas.shown()[0]
    assert (shown["name"], shown["kind"], shown["state"]) == ("fraud-scorer-1", "scorer", "ready")
    assert shown["partitions"] == [
        {"partition": 0, "ready": True, "lag": 7},
        {"partition": 3, "ready": False, "lag": None},
    ]
    assert replicas.models() == {("champion", "v1", "hgb"): 1}
    assert replicas.drift() == [{"field": "amount", "psi": 0.5, "limit": 0.25, "drifting": True}]


def test_a_slow_rate_is_that_of_a_minute() -> None:
    """One payment in 3 s: ten seconds contain three or four, a minute the rate; at a high rate, ten seconds do."""
    replicas, metrics = Replicas(), scorer(0, [])
    for second in range(0, 62, 2):
        metrics.payments_scored.labels("approve").inc(1 if second % 3 == 0 else 0)
        replicas.update("scorer:9400", {"a": Answer("one", exposition(metrics))}, float(second))
    assert replicas.shown()[0]["per_second"] == pytest.approx(10 / 60)
    metrics.payments_scored.labels("approve").inc(999)
    replicas.update("scorer:9400", {"a": Answer("one", exposition(metrics))}, 62.0)
    assert replicas.shown()[0]["per_second"] == pytest.approx(100, rel=0.02)


def test_the_lag_of_the_group_is_used_without_a_scorer() -> None:
    """A scorer that answers knows the lag better; one that is gone measures nothing."""
    replicas = Replicas()
    replicas.group_lag = 42
    assert replicas.measure() == (None, None, 42)
    replicas.update("scorer:9400", {"a": Answer("one", exposition(scorer(5, [])))}, 0.0)
    assert replicas.measure().lag == 7
    replicas.update("scorer:9400", {"a": Answer("one", None, "gone")}, 2.0)
    assert replicas.measure().lag == 42


def test_the_progress_to_a_comparison_is_that_of_the_scorer_with_the_most_payments() -> None:
    """Each scorer compares its own payments; without scorers there is no progress."""
    replicas = Replicas()
    assert replicas.drift_waiting() is None
    for name, payments in (("one", 104), ("two", 96)):
        metrics = scorer(5, [])
        metrics.drift_payments.set(payments)
        metrics.drift_least_payments.set(500)
        replicas.update(name, {"a": Answer(name, exposition(metrics))}, 0.0)
    assert replicas.drift_waiting() == {"least": 500, "payments": 104}


def test_the_rule_of_a_model_outlives_it() -> None:
    """Payments that an earlier model decided are still explained by its rule; at most 16 rules are kept."""
    replicas, metrics = Replicas(), scorer(1, [])
    metrics.threshold.labels("old", "review").set(0.03)
    metrics.threshold.labels("old", "block").set(0.6)
    replicas.update("scorer:9400", {"a": Answer("one", exposition(metrics))}, 0.0)
    metrics.threshold.clear()
    for kind, cost in (("fraud", 15), ("review", 5), ("wrong_block", 100)):
        metrics.cost.labels("new", kind).set(cost)
    replicas.update("scorer:9400", {"a": Answer("one", exposition(metrics))}, 2.0)
    assert replicas.rules() == {"old": {"thresholds": {"review": 0.03, "block": 0.6}}}  # the new one is incomplete
    metrics.min_block_probability.labels("new").set(0.5)
    replicas.update("scorer:9400", {"a": Answer("one", exposition(metrics))}, 4.0)
    costs = {"fraud": 15, "review": 5, "wrong_block": 100, "min_block": 0.5}
    assert replicas.rules() == {"old": {"thresholds": {"review": 0.03, "block": 0.6}}, "new": {"costs": costs}}
    for number in range(40):
        metrics.threshold.clear()
        metrics.threshold.labels(f"{number}", "review").set(0.1)
        metrics.threshold.labels(f"{number}", "block").set(0.2)
        replicas.update("scorer:9400", {"a": Answer("one", exposition(metrics))}, 5.0 + number)
    assert len(replicas.rules()) == 16
    assert "new" in replicas.rules()  # still in use


def test_services_of_another_schema_are_named() -> None:
    """A service without the metric, of an earlier release, and one that does not answer are not compared."""
    replicas = Replicas()
    layouts = {"x-scorer-2": "aaaaaaaaaaaa", "x-scorer-10": "bbbbbbbbbbbb", "x-scorer-1": "cccccccccccc"}
    for name, layout in layouts.items():
        found = exposition(scorer(1, []))
        assert found.layout == ""
        found.layout = layout
        replicas.update(name, {"s": Answer(name, found)}, 0.0)
    replicas.update("p", {"p": Answer("x-producer-1", exposition(ProducerMetrics()))}, 0.0)
    exported = ArchiverMetrics()
    exported.set_schema(default_schema())
    assert exposition(exported).layout == default_schema().layout_sha256[:12]
    expected = [{"name": "x-scorer-2", "layout": "aaaaaaaaaaaa"}, {"name": "x-scorer-10", "layout": "bbbbbbbbbbbb"}]
    assert replicas.other_layouts("cccccccccccc") == expected
    replicas.update("x-scorer-2", {"s": Answer("x-scorer-2", None, "gone")}, 2.0)
    assert replicas.other_layouts("cccccccccccc") == expected[1:]


def test_an_archiver_shows_how_far_it_is_behind() -> None:
    """Partitions of a topic are added up; an unavailable archiver has no lag."""
    metrics, replicas = ArchiverMetrics(), Replicas()
    metrics.ready.set(1)
    for topic, partition, lag in (("scored", 0, 5), ("scored", 1, 6), ("dlq", 0, 0)):
        metrics.lag.labels(topic, partition).set(lag)
    for rows, now_s in ((10, 100.0), (40, 110.0)):
        metrics.rows.labels("scored_payments").inc(rows)
        replicas.update("archiver:9400", {"a": Answer("x-archiver-1", exposition(metrics))}, now_s)
    shown = replicas.shown()[0]
    assert (shown["kind"], shown["state"], shown["per_second"]) == ("archiver", "ready", pytest.approx(4.0))
    assert shown["archive_lags"] == {"scored": 11, "dlq": 0}
    assert replicas.measure().lag is None
    replicas.update("archiver:9400", {}, 112.0)
    assert replicas.shown()[0]["archive_lags"] == {}


def test_rates_and_latencies_are_of_what_happened_since() -> None:
    """The first answer covers the past and does not count; after a restart, measurement starts again."""
    replicas, first, later = Replicas(), scorer(1_000, [5] * 1_000), scorer(1_500, [5] * 1_000 + [250] * 500)
    replicas.update("t", {"a": Answer("one", exposition(first))}, 100.0)
    assert replicas.measure() == (None, None, 7)
    replicas.update("t", {"a": Answer("one", exposition(later))}, 105.0)
    assert replicas.shown()[0]["per_second"] == pytest.approx(100.0)
    p50, p99, _ = replicas.measure()
    assert p50 is not None and 200 <= p50 <= 300  # noqa: PT018 - one thing
    assert p99 is not None and 200 <= p99 <= 300  # noqa: PT018 - one thing
    replicas.update("t", {"a": Answer("one", exposition(scorer(3, [1]), started_s=2.0))}, 107.0)
    assert replicas.shown()[0]["per_second"] is None
    assert replicas.measure() == (None, None, 7)


def test_a_stopped_replica_is_unavailable_and_then_removed() -> None:
    """Its partitions lose their owner immediately; after a minute only the service is listed, until one answers."""
    replicas = Replicas()
    replicas.update("scorer:1", {"a": Answer("one", exposition(scorer(1, [])))}, 100.0)
    replicas.update("scorer:1", {}, 102.0)
    assert [(one["name"], one["state"], one["partitions"]) for one in replicas.shown()] == [("one", "away", [])]
    assert replicas.measure().lag is None
    replicas.update("scorer:1", {}, 161.0)
    replicas.update("scorer:1", {}, 300.0)
    assert [(one["name"], one["kind"], one["state"]) for one in replicas.shown()] == [("scorer", "scorer", "away")]
    replicas.update("scorer:1", {"b": Answer("two", exposition(scorer(1, [])))}, 301.0)
    assert [(one["name"], one["state"]) for one in replicas.shown()] == [("two", "ready")]


def test_scorers_come_first_and_ten_after_nine() -> None:
    """Names are sorted by their number."""
    replicas = Replicas()
    replicas.update("p", {"p": Answer("x-producer-1", exposition(ProducerMetrics()))}, 0.0)
    for number in (10, 9, 1):
        replicas.update(f"s{number}", {"s": Answer(f"x-scorer-{number}", exposition(scorer(1, [])))}, 0.0)
    names = [one["name"] for one in replicas.shown()]
    assert names == ["x-scorer-1", "x-scorer-9", "x-scorer-10", "x-producer-1"]


def test_an_invalid_exposition_is_not_a_reading() -> None:
    """The scraper handles the error."""
    with pytest.raises(ValueError, match=r"."):
        reading("<html>not found</html>\n{}")
