"""The goals of a run: bounds of ratios."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import ge, le


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure's name (a ratio in results.json), its description, and its bound."""

    name: str
    meaning: str
    sign: str
    bound: float

    def is_met(self, value: float) -> bool:
        """Return whether `value` keeps the bound."""
        compare: Callable[[float, float], bool] = ge if self.sign == "≥" else le
        return compare(value, self.bound)

    def judge(self, value: float) -> str:
        """Return the bound, and whether `value` misses it."""
        return f"{self.sign} {self.bound:g}{'' if self.is_met(value) else ' (missed)'}"


THROUGHPUT = {
    "default_vs_kafka_streams": ("scorer_default", "kafka_streams"),
    "logistic_vs_kafka_streams": ("scorer_logistic", "kafka_streams"),
    "hgb_vs_ceiling": ("scorer_hgb", "ceiling"),
    "logistic_vs_ceiling": ("scorer_logistic", "ceiling"),
    "hgb_vs_quixstreams": ("scorer_hgb", "quixstreams_hgb"),
    "logistic_vs_quixstreams": ("scorer_logistic", "quixstreams_logistic"),
    "hgb_vs_plain_loop": ("scorer_hgb", "plain_loop_hgb"),
    "logistic_vs_plain_loop": ("scorer_logistic", "plain_loop_logistic"),
    "exactly_once_vs_at_least_once": ("scorer_default", "scorer_default_at_least_once"),
}
"""Ratio → the two contenders whose rates it compares."""

COMPANIONS = {
    "watched_vs_bare_default": ("scorer_default_watched", "scorer_default_bare"),
    "watched_vs_bare_hgb": ("scorer_hgb_watched", "scorer_hgb_bare"),
    "challenged_vs_bare_default": ("scorer_default_challenged", "scorer_default_bare"),
}
"""Ratios for the cost of reasons, drift and a challenger."""

METRICS = {
    "with_vs_without_metrics_default": ("scorer_default_with_metrics", "scorer_default_without_metrics"),
    "with_vs_without_metrics_logistic": ("scorer_logistic_with_metrics", "scorer_logistic_without_metrics"),
}
"""Ratios for the cost of metrics."""

LATENCY = {
    "latency_p99_vs_kafka_streams_at_1000": ((6, "scorer_default"), (6, "kafka_streams")),
    "latency_p99_vs_kafka_streams_10ms_at_1000": ((6, "scorer_default"), (6, "kafka_streams_10ms")),
    "latency_p99_24_vs_6_partitions_at_1000": ((24, "scorer_default"), (6, "scorer_default")),
}
"""Ratio → the two pairs of partitions and contender whose p99 it compares, at `LATENCY_RATE_PER_S`."""

LATENCY_RATE_PER_S = 1_000

GOALS = (
    Goal("default_vs_kafka_streams", "throughput, the shipped model; Kafka Streams with a logistic one", "≥", 1.2),
    Goal("logistic_vs_kafka_streams", "throughput, the same logistic model", "≥", 1.5),
    Goal("hgb_vs_ceiling", "throughput with boosting, of what the client can do", "≥", 0.45),
    Goal("logistic_vs_ceiling", "throughput with a logistic model, of what the client can do", "≥", 0.8),
    Goal("hgb_vs_quixstreams", "throughput, the same boosting model", "≥", 40.0),
    Goal("logistic_vs_quixstreams", "throughput, the same logistic model", "≥", 12.0),
    Goal("hgb_vs_plain_loop", "throughput, the same boosting model", "≥", 80.0),
    Goal("logistic_vs_plain_loop", "throughput, the same logistic model", "≥", 80.0),
    Goal(
        "latency_p99_vs_kafka_streams_at_1000",
        "p99 latency at 1,000 payments/s, 6 partitions, Kafka Streams at its 100 ms",
        "≤",
        0.5,
    ),
    Goal(
        "latency_p99_vs_kafka_streams_10ms_at_1000",
        "p99 latency at 1,000 payments/s, 6 partitions, Kafka Streams at 10 ms",
        "≤",
        0.5,
    ),
    Goal(
        "latency_p99_24_vs_6_partitions_at_1000",
        "p99 latency at 1,000 payments/s, the scorer with 24 partitions and with 6",
        "≤",
        1.6,
    ),
    Goal("exactly_once_vs_at_least_once", "throughput: cost of the guarantee", "≥", 0.9),
    Goal("watched_vs_bare_default", "throughput with reasons and drift, 3 % flagged, shipped model", "≥", 0.9),
    Goal("watched_vs_bare_hgb", "throughput with reasons and drift, 3 % flagged, boosting", "≥", 0.85),
    Goal("challenged_vs_bare_default", "throughput with a challenger of its kind too", "≥", 0.75),
    Goal("with_vs_without_metrics_default", "throughput with metrics and two scrapers, shipped model", "≥", 0.97),
    Goal("with_vs_without_metrics_logistic", "throughput with metrics and two scrapers, logistic model", "≥", 0.97),
)

MOST_MEMORY_MB = 300
"""Resident memory of a scorer draining a backlog."""

ARCHIVE_PACE = Goal("per_s", "rows per second, one process", "≥", 20_000)
ARCHIVE_MEMORY = Goal("peak_mb", "maximum resident memory, MB", "≤", 200)
"""Memory of an archiver draining a backlog."""

DASHBOARD_CPU = Goal("cpu_share_most", "% of a core, maximum over 10 s", "≤", 50)
DASHBOARD_MEMORY = Goal("peak_mb", "maximum resident memory, MB", "≤", 250)
DASHBOARD_GROWTH = Goal("growth", "maximum resident memory after a point in time, relative to that point", "≤", 1.05)
DASHBOARD_DELAY = Goal("p99_s", "p99 of the delay of flagged payments, s", "≤", 2)
DASHBOARD_PAINT = Goal("first_paint_ms", "median, ms", "≤", 1_000)
"""First paint of the dashboard at 10,000 payments/s."""
