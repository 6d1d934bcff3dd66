"""Every metric that a service shows: its name, meaning, unit and labels. docs/metrics.md lists them for people.

Names follow Prometheus: the unit at the end, then `_total` (which the client appends) where it only grows.
All that can happen is there from the start, at 0, so that a rate over its first occurrence is seen.
"""

from collections.abc import Iterable

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
    """A histogram in seconds that takes ages in milliseconds, a batch at a time: ten times as fast as one by one."""

    def __init__(self, name: str, documentation: str, *, registry: CollectorRegistry) -> None:
        self._name, self._documentation = name, documentation
        self._bounds = np.array(BUCKETS_MS, dtype=np.int64)
        self._labels = [*(str(bound / 1_000) for bound in BUCKETS_MS), "+Inf"]
        self._counts = np.zeros(len(self._labels), dtype=np.int64)
        self._sum_ms = 0
        registry.register(self)

    @property
    def counts(self) -> Integers:
        """How many there were in each of BUCKETS_MS, and above."""
        return self._counts.copy()

    def observe(self, stamps_ms: Integers, now_ms: int) -> None:
        """Take in what was stamped at `stamps_ms` (n,), any numbers that Kafka takes; negative ones are no stamps.

        A stamp of a clock that is ahead of ours counts as age 0.
        """
        ages = np.maximum(now_ms - stamps_ms[stamps_ms >= 0], 0)
        self._counts += np.bincount(np.searchsorted(self._bounds, ages), minlength=len(self._counts))
        self._sum_ms += int(ages.sum())

    def collect(self) -> Iterable[Metric]:
        """What Prometheus reads."""
        family = HistogramMetricFamily(self._name, self._documentation)
        family.add_metric([], list(zip(self._labels, self._counts.cumsum().tolist(), strict=True)), self._sum_ms / 1e3)
        yield family

    def describe(self) -> Iterable[Metric]:
        """What it will be called."""
        yield HistogramMetricFamily(self._name, self._documentation)


class ServiceMetrics:
    """What every service knows of itself; with Prometheus' own `process_` metrics: CPU, memory, open files, start."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.ready = Gauge("fraudstream_ready", "1 if /readyz says so, else 0.", registry=registry)
        self.progress = Gauge(
            "fraudstream_last_progress_timestamp_seconds",
            "When the working loop last turned, in seconds since 1970.",
            registry=registry,
        )


class ScorerMetrics(ServiceMetrics):
    """What one scorer knows of itself."""

    def __init__(self) -> None:
        super().__init__()
        registry = self.registry
        self.payments_scored = _all(
            Counter("fraudstream_payments_scored", "Payments scored and committed.", ["decision"], registry=registry),
            DECISIONS,
        )
        self.dead_letters = _all(
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
            "Offsets that retention deleted before they were scored, those of transaction markers included.",
            registry=registry,
        )
        self.end_to_end_latency = AgeHistogram(
            "fraudstream_end_to_end_latency_seconds",
            "From a payment's Kafka timestamp until its score was committed to CSV and topic.",
            registry=registry,
        )
        self.cycle_records = Histogram(
            "fraudstream_cycle_records", "Records of a cycle.", buckets=_RECORD_BUCKETS, registry=registry
        )
        self.cycle_duration = Histogram(
            "fraudstream_cycle_duration_seconds",
            "A cycle, from what was fetched until it was committed.",
            buckets=_DURATION_BUCKETS,
            registry=registry,
        )
        self.transaction_duration = Histogram(
            "fraudstream_transaction_duration_seconds",
            "A cycle's transactions, which run together, from begin to commit; the CSV is written meanwhile.",
            buckets=_DURATION_BUCKETS,
            registry=registry,
        )
        self.csv_lock_wait = Histogram(
            "fraudstream_csv_lock_wait_seconds",
            "Until the lock on the CSV was held.",
            buckets=_WAIT_BUCKETS,
            registry=registry,
        )
        self.producers_replaced = _all(
            Counter(
                "fraudstream_producers_replaced",
                "Producers thrown away: another replica had the partition (fenced), or something failed.",
                ["cause"],
                registry=registry,
            ),
            (FENCED, FAILED),
        )
        self.partition_ready = Gauge(
            "fraudstream_partition_ready",
            "1 for each partition that this replica holds and is ready for, 0 while it takes it over.",
            ["partition"],
            registry=registry,
        )
        self.lag = Gauge(
            "fraudstream_lag_records",
            "Last stable offset minus position, of each partition that this replica holds; absent while unknown.",
            ["partition"],
            registry=registry,
        )
        self.model = Gauge(
            "fraudstream_model_info", "1 for each model in use.", ["role", "version", "kind"], registry=registry
        )
        self.model_refused = Gauge(
            "fraudstream_model_refused",
            "1 while the active model on disk is refused, and a former one scores.",
            registry=registry,
        )
        self.challenger_payments = Counter(
            "fraudstream_challenger_payments", "Payments that a challenger scored in the shadow.", registry=registry
        )
        self.challenger_agreed = Counter(
            "fraudstream_challenger_agreed", "Those of them for which it decided the same.", registry=registry
        )
        self.drift_psi = Gauge(
            "fraudstream_drift_psi", "Population stability index against the history.", ["field"], registry=registry
        )
        self.drift_limit = Gauge(
            "fraudstream_drift_limit", "The index from which on a field drifts.", ["field"], registry=registry
        )
        self.drifting = Gauge("fraudstream_drifting", "1 while a field drifts, else 0.", ["field"], registry=registry)
        self.disk_free = Gauge(
            "fraudstream_disk_free_bytes", "Free on the disk that the CSV is written to.", registry=registry
        )
        self.disk_size = Gauge(
            "fraudstream_disk_size_bytes", "Size of the disk that the CSV is written to.", registry=registry
        )

    def shadow_scored(self, payments: int, agreed: int) -> None:
        """Count what a challenger was asked, and where it agreed."""
        self.challenger_payments.inc(payments)
        self.challenger_agreed.inc(agreed)


class ProducerMetrics(ServiceMetrics):
    """What a producer knows of itself."""

    def __init__(self) -> None:
        super().__init__()
        registry = self.registry
        self.messages_sent = Counter("fraudstream_messages_sent", "Messages that the brokers have.", registry=registry)
        self.messages_waiting = Gauge(
            "fraudstream_messages_waiting", "Messages made that the brokers don't have yet.", registry=registry
        )


class DashboardMetrics(ServiceMetrics):
    """What a dashboard knows of itself."""

    def __init__(self) -> None:
        super().__init__()
        registry = self.registry
        self.records_read = _all(
            Counter("fraudstream_dashboard_records_read", "Records read.", ["topic"], registry=registry),
            OUTPUT_TOPICS,
        )
        self.records_passed_over = Counter(
            "fraudstream_dashboard_records_passed_over",
            "Offsets that it did not read, to keep up: what it shows is a sample. Transaction markers count too.",
            registry=registry,
        )
        self.viewers = Gauge("fraudstream_dashboard_viewers", "Pages that are open.", registry=registry)


class ArchiverMetrics(ServiceMetrics):
    """What an archiver knows of itself."""

    def __init__(self) -> None:
        super().__init__()
        registry = self.registry
        self.rows = _all(
            Counter("fraudstream_archive_rows", "Rows written.", ["table"], registry=registry), ARCHIVE_TABLES
        )
        self.rows_there = _all(
            Counter(
                "fraudstream_archive_rows_there",
                "Rows that the database had already: records that their topic repeats.",
                ["table"],
                registry=registry,
            ),
            ARCHIVE_TABLES,
        )
        self.records_passed_over = _all(
            Counter(
                "fraudstream_archive_records_passed_over",
                "Records that are none of ours.",
                ["topic"],
                registry=registry,
            ),
            OUTPUT_TOPICS,
        )
        self.records_lost = _all(
            Counter(
                "fraudstream_archive_records_lost",
                "Offsets that retention deleted before they were archived, those of transaction markers included.",
                ["topic"],
                registry=registry,
            ),
            OUTPUT_TOPICS,
        )
        self.rows_deleted = _all(
            Counter(
                "fraudstream_archive_rows_deleted",
                "Rows that ARCHIVE_RETENTION_DAYS has deleted.",
                ["table"],
                registry=registry,
            ),
            ARCHIVE_TABLES,
        )
        self.transaction_duration = Histogram(
            "fraudstream_archive_transaction_duration_seconds",
            "A transaction of the database, from its records until it was committed.",
            buckets=_DURATION_BUCKETS,
            registry=registry,
        )
        self.lag = Gauge(
            "fraudstream_archive_lag_records",
            "Last stable offset minus position, of each partition.",
            ["topic", "partition"],
            registry=registry,
        )
        self.overtaken = Counter(
            "fraudstream_archive_overtaken",
            "Transactions given up since another archiver had moved the positions.",
            registry=registry,
        )


def _all(counter: Counter, values: Iterable[str]) -> Counter:
    for value in values:
        counter.labels(value)
    return counter
