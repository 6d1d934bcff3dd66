"""Metrics of the services: name, description, unit and labels. docs/metrics.md lists them for users.

Names follow Prometheus's conventions: the unit at the end, then `_total` (appended by the client) for counters.
Counters are exported from the start, at 0, so that a rate includes the first occurrence.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from fraudstream.arrays import Integers
from fraudstream.payment import DECISIONS, REASONS
from fraudstream.payment_schema import PaymentSchema
from fraudstream.runtime.latency import BUCKETS_MS
from fraudstream.scored_payment import REMOVALS

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
        self.registry = CollectorRegistry()
        self.on_scrape: list[Callable[[], object]] = []
        """Called before each scrape, to update gauges."""
        ProcessCollector(registry=self.registry)
        self.ready = self._gauge("fraudstream_ready", "1 if /readyz reports ready, else 0.")
        self.progress = self._gauge(
            "fraudstream_last_progress_timestamp_seconds",
            "Time of the working loop's last iteration, in seconds since 1970.",
        )
        self._schema = self._gauge(
            "fraudstream_schema_info", "1 for the layout of the payment schema that the service holds.", "layout"
        )

    def set_schema(self, schema: PaymentSchema) -> None:
        """Export the layout of `schema`, which all services must share."""
        self._schema.labels(schema.layout).set(1)

    def _counter(self, name: str, text: str, label: str = "", values: Iterable[str] = ()) -> Counter:
        """Return a counter; with `label`, one for each of its `values`."""
        counter = Counter(name, text, [label] if label else [], registry=self.registry)
        for value in values:
            counter.labels(value)
        return counter

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float]) -> Histogram:
        return Histogram(name, text, buckets=buckets, registry=self.registry)


class ScorerMetrics(ServiceMetrics):
    """Metrics of a scorer."""

    def __init__(self) -> None:
        super().__init__()
        self.payments_scored = self._counter(
            "fraudstream_payments_scored", "Payments scored and committed.", "decision", DECISIONS
        )
        self.dead_letters = self._counter(
            "fraudstream_dead_letters", "Messages that could not be scored.", "reason", REASONS
        )
        self.dead_letter_bytes = self._counter(
            "fraudstream_dead_letter_bytes", "Bytes of dead letters written, before the topic's compression."
        )
        self.fields_removed = self._counter(
            "fraudstream_fields_removed",
            "Scored records without some fields of the received message, by cause.",
            "cause",
            REMOVALS,
        )
        self.records_lost = self._counter(
            "fraudstream_records_lost",
            "Offsets that retention deleted before they were scored, including transaction markers.",
        )
        self.end_to_end_latency = AgeHistogram(
            "fraudstream_end_to_end_latency_seconds",
            "Time from a payment's Kafka timestamp to the commit of its score to CSV and topic.",
            registry=self.registry,
        )
        self.cycle_records = self._histogram("fraudstream_cycle_records", "Records per cycle.", _RECORD_BUCKETS)
        self.cycle_duration = self._histogram(
            "fraudstream_cycle_duration_seconds",
            "Duration of a cycle, from the fetched records to their commit.",
            _DURATION_BUCKETS,
        )
        self.transaction_duration = self._histogram(
            "fraudstream_transaction_duration_seconds",
            "Duration of a cycle's concurrent transactions, from begin to commit; the CSV is written meanwhile.",
            _DURATION_BUCKETS,
        )
        self.csv_lock_wait = self._histogram(
            "fraudstream_csv_lock_wait_seconds", "Time to acquire the lock on the CSV.", _WAIT_BUCKETS
        )
        self.producers_replaced = self._counter(
            "fraudstream_producers_replaced",
            "Producers replaced: another replica owned the partition (fenced), or an operation failed (failed).",
            "cause",
            (FENCED, FAILED),
        )
        self.partition_ready = self._gauge(
            "fraudstream_partition_ready",
            "1 for each owned partition that is ready, 0 while it is being taken over.",
            "partition",
        )
        self.lag = self._gauge(
            "fraudstream_lag_records",
            "Last stable offset minus position, for each owned partition; absent while unknown.",
            "partition",
        )
        self.model = self._gauge("fraudstream_model_info", "1 for each model in use.", "role", "version", "kind")
        self.model_refused = self._gauge(
            "fraudstream_model_refused", "1 while the active model on disk is refused and an earlier one scores."
        )
        self.review_capacity = self._gauge(
            "fraudstream_review_capacity",
            "Share of payments that reviewers can check, of the model in use; absent without a limit.",
            "version",
        )
        self.cost = self._gauge(
            "fraudstream_cost", "Cost by which the model in use decides; absent with thresholds.", "version", "kind"
        )
        self.min_block_probability = self._gauge(
            "fraudstream_min_block_probability",
            "Probability below which no payment is blocked, of the model in use; absent with thresholds.",
            "version",
        )
        self.threshold = self._gauge(
            "fraudstream_threshold",
            "Lowest probability of a decision, of the model in use; with costs, for payments without an amount.",
            "version",
            "decision",
        )
        self.challenger_payments = self._counter(
            "fraudstream_challenger_payments", "Payments scored by a challenger in shadow mode."
        )
        self.challenger_agreed = self._counter(
            "fraudstream_challenger_agreed",
            "Payments for which a challenger made the same decision as the active model.",
        )
        self.drift_payments = self._gauge(
            "fraudstream_drift_payments", "Payments that are compared with the history, once there are enough."
        )
        self.drift_least_payments = self._gauge(
            "fraudstream_drift_least_payments",
            "Payments from which drift is measured; 0 if the model has no history to compare with.",
        )
        self.drift_psi = self._gauge(
            "fraudstream_drift_psi", "Population stability index of a field against the history.", "field"
        )
        self.drift_limit = self._gauge(
            "fraudstream_drift_limit", "Population stability index from which a field drifts.", "field"
        )
        self.drifting = self._gauge("fraudstream_drifting", "1 while a field drifts, else 0.", "field")
        self.disk_free = self._gauge(
            "fraudstream_disk_free_bytes", "Free space on the disk that the CSV is written to."
        )
        self.disk_size = self._gauge("fraudstream_disk_size_bytes", "Size of the disk that the CSV is written to.")

    def shadow_scored(self, payments: int, agreed: int) -> None:
        """Count payments scored by a challenger, and those with the same decision."""
        self.challenger_payments.inc(payments)
        self.challenger_agreed.inc(agreed)


class ProducerMetrics(ServiceMetrics):
    """Metrics of a producer."""

    def __init__(self) -> None:
        super().__init__()
        self.messages_sent = self._counter("fraudstream_messages_sent", "Messages acknowledged by the brokers.")
        self.messages_waiting = self._gauge(
            "fraudstream_messages_waiting", "Messages not yet acknowledged by the brokers."
        )


class DashboardMetrics(ServiceMetrics):
    """Metrics of a dashboard."""

    def __init__(self) -> None:
        super().__init__()
        self.records_read = self._counter("fraudstream_dashboard_records_read", "Records read.", "topic", OUTPUT_TOPICS)
        self.records_skipped = self._counter(
            "fraudstream_dashboard_records_skipped",
            "Offsets skipped to keep up: the page then shows a sample. Transaction markers count too.",
        )
        self.viewers = self._gauge("fraudstream_dashboard_viewers", "Open pages.")


class ArchiverMetrics(ServiceMetrics):
    """Metrics of an archiver."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = self._counter("fraudstream_archive_rows", "Rows written.", "table", ARCHIVE_TABLES)
        self.rows_there = self._counter(
            "fraudstream_archive_rows_there",
            "Rows already in the database: records that their topic repeats.",
            "table",
            ARCHIVE_TABLES,
        )
        self.records_skipped = self._counter(
            "fraudstream_archive_records_skipped",
            "Records skipped because they were not written by us.",
            "topic",
            OUTPUT_TOPICS,
        )
        self.records_lost = self._counter(
            "fraudstream_archive_records_lost",
            "Offsets that retention deleted before they were archived, including transaction markers.",
            "topic",
            OUTPUT_TOPICS,
        )
        self.rows_deleted = self._counter(
            "fraudstream_archive_rows_deleted",
            "Rows deleted because of ARCHIVE_RETENTION_DAYS.",
            "table",
            ARCHIVE_TABLES,
        )
        self.transaction_duration = self._histogram(
            "fraudstream_archive_transaction_duration_seconds",
            "Duration of a database transaction, from its records to the commit.",
            _DURATION_BUCKETS,
        )
        self.lag = self._gauge(
            "fraudstream_archive_lag_records",
            "Last stable offset minus position, for each partition.",
            "topic",
            "partition",
        )
        self.overtaken = self._counter(
            "fraudstream_archive_overtaken", "Transactions abandoned because another archiver had moved the positions."
        )
