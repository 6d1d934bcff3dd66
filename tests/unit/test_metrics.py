"""Names of the metrics: defined in one place, and all documented."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from fraudstream.runtime.metrics import ArchiverMetrics, DashboardMetrics, ProducerMetrics, ScorerMetrics

DOCUMENT = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
REGISTRIES = [metrics().registry for metrics in (ScorerMetrics, ProducerMetrics, DashboardMetrics, ArchiverMetrics)]


def _names(registry: CollectorRegistry) -> set[str]:
    """Return the names as Prometheus reads them."""
    names = {
        metric.name + ("_total" if metric.type == "counter" else "")
        for metric in registry.collect()
        if metric.name.startswith("fraudstream_")
    }
    assert names
    return names


def test_the_document_lists_every_metric_and_no_other() -> None:
    """Each metric has a row in docs/metrics.md."""
    assert set(re.findall(r"^\| `(fraudstream_\w+)`", DOCUMENT, re.MULTILINE)) == set().union(*map(_names, REGISTRIES))


@pytest.mark.parametrize("registry", REGISTRIES)
def test_all_metrics_are_explained(registry: CollectorRegistry) -> None:
    """Each help text is a sentence."""
    for metric in registry.collect():
        assert metric.documentation.endswith(".") or metric.name.startswith("process_"), metric.name


def test_series_exist_at_zero() -> None:
    """A rate sees a first occurrence only if the series existed before."""
    registry = ScorerMetrics().registry
    assert registry.get_sample_value("fraudstream_dead_letters_total", {"reason": "invalid_json"}) == 0
    assert registry.get_sample_value("fraudstream_payments_scored_total", {"decision": "block"}) == 0
    assert registry.get_sample_value("fraudstream_producers_replaced_total", {"cause": "fenced"}) == 0
    assert registry.get_sample_value("fraudstream_records_lost_total") == 0
