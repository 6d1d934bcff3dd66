"""Series of the services' metrics, and those that a PromQL expression selects."""

import re
from collections.abc import Iterator

from prometheus_client.metrics import MetricWrapperBase

from fraudstream.runtime.metrics import (
    ArchiverMetrics,
    DashboardMetrics,
    ProducerMetrics,
    ScorerMetrics,
    ServiceMetrics,
)

SERVICES: dict[str, type[ServiceMetrics]] = {
    "scorer": ScorerMetrics,
    "producer": ProducerMetrics,
    "dashboard": DashboardMetrics,
    "archiver": ArchiverMetrics,
}
PROMETHEUS_ITSELF = re.compile(r"up|ALERTS|process_\w+")
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
_WORDS = {"and", "or", "unless", "offset", "by", "without", "on", "ignoring", "bool"}


def exposed() -> dict[str, set[str]]:
    """Return the names of all series that the services expose, each with its labels."""
    return dict(_exposed())


def label_values() -> set[tuple[str, str, str]]:
    """Return the series, label and value of each sample that the services expose from the start."""
    return {
        (sample.name, label, value)
        for service in SERVICES.values()
        for metric in service().registry.collect()
        for sample in metric.samples
        for label, value in sample.labels.items()
    }


def selected(expression: str) -> set[str]:
    """Return the names of all series that `expression` selects."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\b(?:by|on|without|ignoring)\s*\([^)]*\)", " ", bare)
    return set(re.findall(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?![\w:]*\s*\()", bare)) - _WORDS


def filters(expression: str) -> list[tuple[str, str, str]]:
    """Return the series, label and value of each filter in `expression`, which has one label in each."""
    found = re.findall(r'([\w:]+)\{(\w+)!?="([^"]*)"\}', expression)
    assert len(found) == expression.count("{"), expression
    return found


def _exposed() -> Iterator[tuple[str, set[str]]]:
    for kind in SERVICES.values():
        service = kind()
        labels = {
            one._name: set(one._labelnames) for one in vars(service).values() if isinstance(one, MetricWrapperBase)
        }
        for metric in service.registry.collect():
            for suffix in _SUFFIXES.get(metric.type, ("",)):
                own = {"le"} if suffix == "_bucket" else set()
                yield metric.name + suffix, labels.get(metric.name, set()) | own
