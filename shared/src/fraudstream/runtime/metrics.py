"""Metrics of the services: name, description, unit and labels. docs/metrics.md lists them for users.

Names follow Prometheus's conventions: the unit at the end, then `_total` (appended by the client) for counters.
Counters are exported from the start, at 0, so that a rate includes the first occurrence.
"""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from fraudstream.payment import DECISIONS, REASONS
from fraudstream.runtime.latency import BUCKETS_MS

Integers = NDArray[np.int64]

_RECORD_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 100_000)
_DURATION_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_WAIT_BUCKETS = (0.0001, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

FENCED, FAILED = "fenced", "failed"
OUTPUT_TOPICS = ("scored", "dlq")
ARCHIVE_TABLES = ("scored_payments", "dead_letters", "replays")

disable_created_metrics()  # type: ignore[no-untyped-call]


class AgeHistogram(Collector):
    """A histogram in seconds that takes ages in milliseconds, a batch at a time: ten times as fast as one at a time."""

    def __init__(self, name: str, documentation: str, *, registry: CollectorRegistry) -> None:
        self._name, self._documentation = name, documentation
        self._bounds = np.array(BUCKETS_MS, dtype=np.int64)
        self._labels = [*(str(bound / 1_000) for bound in BUCKETS_MS), "+Inf"]
        self._counts = np.zeros(len(self._labels), dtype=np.int64)
        self._sum_ms = 0
        registry.register(self)

    @property
    def counts(self) -> Integers:
        """Number of ages in each of BUCKETS_MS, and above."""
        return self._counts.copy()

    def observe(self, stamps_ms: Integers, now_ms: int) -> None:
        """Add the ages of the timestamps `stamps_ms` (n,), any that Kafka accepts; negative ones are ignored.

        A timestamp of a clock that is ahead of ours counts as age 0.
        """
        ages = np.maximum(now_ms - stamps_ms[stamps_ms >= 0], 0)
        self._counts += np.bincount(np.searchsorted(self._bounds, ages), minlength=len(self._counts))
        self._sum_ms += int(ages.sum())

    def collect(self) -> Iterable[Metric]:
        """Yield the histogram with its samples."""
        family = HistogramMetricFamily(self._name, self._documentation)
        family.add_metric([], list(zip(self._labels, self._counts.cumsum().tolist(), strict=True)), self._sum_ms / 1e3)
        yield family

    def describe(self) -> Iterable[Metric]:
        """Yield the histogram without samples, for the registry."""
        yield HistogramMetricFamily(self._name, self._documentation)


class ServiceMetrics:
    """Metrics of every service, with the Prometheus client's `process_` metrics: CPU, memory, open files, start."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.on_scrape: list[Callable[[], object]] = []
        """Called before each scrape, to update gauges."""
        ProcessCollector(registry=registry)
        self.ready = Gauge("fraudstream_ready", "1 if /readyz reports ready, else 0.", registry=registry)
        self.progress = Gauge(
            "fraudstream_last_progress_timestamp_seconds",
            "Time of the working loop's last iteration, in seconds since 1970.",
            registry=registry,
        )


class ScorerMetrics(ServiceMetrics):
    """Metrics of a scorer."""

    def __init__(self) -> None:
        super().__init__()
        registry = self.registry
        self.payments_scored = _initialise(
            Counter("fraudstream_payments_scored", "Payments scored and committed.", ["decision"], registry=registry),
            DECISIONS,
        )
        self.dead_letters = _initialise(
            Counter("fraudstream_dead_letters", "Messages that could not be scored.", ["reason"], registry=registry),
            REASONS,
        )
        self.dead_letter_bytes = Counter(
            "fraudstream_dead_letter_bytes",
            "Bytes of dead letters written, before the topic's compression.",
            registry=registry,
        )
        self.records_lost = Counter(
            "fraudstream_records_lost",
            "Offsets that retention deleted before they were scored, including transaction markers.",
            registry=registry,
        )
        self.end_to_end_latency = AgeHistogram(
            "fraudstream_end_to_end_latency_seconds",
            "Time from a payment's Kafka timestamp to the commit of its score to CSV and topic.",
            registry=registry,
        )
        self.cycle_records = Histogram(
            "fraudstream_cycle_records", "Records per cycle.", buckets=_RECORD_BUCKETS, registry=registry
        )
        self.cycle_duration = Histogram(
            "fraudstream_cycle_duration_seconds",
            "Duration of a cycle, from the fetched records to their commit.",
            buckets=_DURATION_BUCKETS,
            registry=registry,
        )
        self.transaction_duration = Histogram(
            "fraudstream_transaction_duration_seconds",
            "Duration of a cycle's concurrent transactions, from begin to commit; the CSV is written meanwhile.",
            buckets=_DURATION_BUCKETS,
            registry=registry,
        )
        self.csv_lock_wait = Histogram(
            "fraudstream_csv_lock_wait_seconds",
            "Time to acquire the lock on the CSV.",
            buckets=_WAIT_BUCKETS,
            registry=registry,
        )
        self.producers_replaced = _initialise(
            Counter(
                "fraudstream_producers_replaced",
                "Producers replaced: another replica owned the partition (fenced), or an operation failed (failed).",
                ["cause"],
                registry=registry,
            ),
            (FENCED, FAILED),
        )
        self.partition_ready = Gauge(
            "fraudstream_partition_ready",
            "1 for each owned partition that is ready, 0 while it is being taken over.",
            ["partition"],
            registry=registry,
        )
        self.lag = Gauge(
            "fraudstream_lag_records",
            "Last stable offset minus position, for each owned partition; absent while unknown.",
            ["partition"],
            registry=registry,
        )
        self.model = Gauge(
            "fraudstream_model_info", "1 for each model in use.", ["role", "version", "kind"], registry=registry
        )
        self.model_refused = Gauge(
            "fraudstream_model_refused",
            "1 while the active model on disk is refused and an earlier one scores.",
            registry=registry,
        )
        self.challenger_payments = Counter(
            "fraudstream_challenger_payments", "Payments scored by a challenger in shadow mode.", registry=registry
        )
        self.challenger_agreed = Counter(
            "fraudstream_challenger_agreed",
            "Payments for which a challenger made the same decision as the active model.",
            registry=registry,
        )
        self.drift_psi = Gauge(
            "fraudstream_drift_psi",
            "Population stability index of a field against the history.",
            ["field"],
            registry=registry,
        )
        self.drift_limit = Gauge(
            "fraudstream_drift_limit",
            "Population stability index from which a field drifts.",
            ["field"],
            registry=registry,
        )
        self.drifting = Gauge("fraudstream_drifting", "1 while a field drifts, else 0.", ["field"], registry=registry)
        self.disk_free = Gauge(
            "fraudstream_disk_free_bytes", "Free space on the disk that the CSV is written to.", registry=registry
        )
        self.disk_size = Gauge(
            "fraudstream_disk_size_bytes", "Size of the disk that the CSV is written to.", registry=registry
        )

    def shadow_scored(self, payments: int, agreed: int) -> None:
        """Count payments scored by a challenger, and those with the same decision."""
        self.challenger_payments.inc(payments)
        self.challenger_agreed.inc(agreed)


class ProducerMetrics(ServiceMetrics):
    """Metrics of a producer."""

    def __init__(self) -> None:
        super().__init__()
        registry = self.registry
        self.messages_sent = Counter(
            "fraudstream_messages_sent", "Messages acknowledged by the brokers.", registry=registry
        )
        self.messages_waiting = Gauge(
            "fraudstream_messages_waiting", "Messages not yet acknowledged by the brokers.", registry=registry
        )


class DashboardMetrics(ServiceMetrics):
    """Metrics of a dashboard."""

    def __init__(self) -> None:
        super().__init__()
        registry = self.registry
        self.records_read = _initialise(
            Counter("fraudstream_dashboard_records_read", "Records read.", ["topic"], registry=registry),
            OUTPUT_TOPICS,
        )
        self.records_skipped = Counter(
            "fraudstream_dashboard_records_skipped",
            "Offsets skipped to keep up: the page then shows a sample. Transaction markers count too.",
            registry=registry,
        )
        self.viewers = Gauge("fraudstream_dashboard_viewers", "Open pages.", registry=registry)


class ArchiverMetrics(ServiceMetrics):
    """Metrics of an archiver."""

    def __init__(self) -> None:
        super().__init__()
        registry = self.registry
        self.rows = _initialise(
            Counter("fraudstream_archive_rows", "Rows written.", ["table"], registry=registry), ARCHIVE_TABLES
        )
        self.rows_there = _initialise(
            Counter(
                "fraudstream_archive_rows_there",
                "Rows already in the database: records that their topic repeats.",
                ["table"],
                registry=registry,
            ),
            ARCHIVE_TABLES,
        )
        self.records_skipped = _initialise(
            Counter(
                "fraudstream_archive_records_skipped",
                "Records skipped because they were not written by us.",
                ["topic"],
                registry=registry,
            ),
            OUTPUT_TOPICS,
        )
        self.records_lost = _initialise(
            Counter(
                "fraudstream_archive_records_lost",
                "Offsets that retention deleted before they were archived, including transaction markers.",
                ["topic"],
                registry=registry,
            ),
            OUTPUT_TOPICS,
        )
        self.rows_deleted = _initialise(
            Counter(
                "fraudstream_archive_rows_deleted",
                "Rows deleted because of ARCHIVE_RETENTION_DAYS.",
                ["table"],
                registry=registry,
            ),
            ARCHIVE_TABLES,
        )
        self.transaction_duration = Histogram(
            "fraudstream_archive_transaction_duration_seconds",
            "Duration of a database transaction, from its records to the commit.",
            buckets=_DURATION_BUCKETS,
            registry=registry,
        )
        self.lag = Gauge(
            "fraudstream_archive_lag_records",
            "Last stable offset minus position, for each partition.",
            ["topic", "partition"],
            registry=registry,
        )
        self.overtaken = Counter(
            "fraudstream_archive_overtaken",
            "Transactions abandoned because another archiver had moved the positions.",
            registry=registry,
        )


def _initialise(counter: Counter, values: Iterable[str]) -> Counter:
    for value in values:
        counter.labels(value)
    return counter
