"""What a service's /metrics says, as the page needs it. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from prometheus_client.parser import text_string_to_metric_families

Kind = Literal["scorer", "producer", "archiver", "service"]
KINDS: tuple[Kind, ...] = ("scorer", "producer", "archiver")


@dataclass(slots=True, kw_only=True)
class Reading:
    """One answer."""

    kind: Kind = "service"
    ready: bool = False
    handled: float = 0.0
    """Messages scored, or sent, or rows archived, since its start."""
    cpu_s: float = 0.0
    memory_bytes: float = 0.0
    started_s: float = 0.0
    partitions: dict[int, bool] = field(default_factory=dict)
    """Whether it is ready for each partition that it holds."""
    lags: dict[int, int] = field(default_factory=dict)
    archive_lags: Counter[str] = field(default_factory=Counter)
    """Of each topic, all its partitions together."""
    ages: dict[float, float] = field(default_factory=dict)
    """End-to-end latencies counted: upper bound in seconds → how many were at most so long."""
    models: list[tuple[str, str, str]] = field(default_factory=list)
    """Role, version, kind."""
    model_refused: bool = False
    challenged: float = 0.0
    agreed: float = 0.0
    psi: dict[str, float] = field(default_factory=dict)
    limit: dict[str, float] = field(default_factory=dict)
    drifting: dict[str, bool] = field(default_factory=dict)


def reading(text: str) -> Reading:
    """Read an exposition; what it does not say stays as it is by default. Raises ValueError where it is none."""
    found = Reading()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            _take(found, sample.name, sample.labels, sample.value)
    return found


def _take(found: Reading, name: str, labels: Mapping[str, str], value: float) -> None:  # noqa: C901, PLR0912 - a table
    match name.removeprefix("fraudstream_"):
        case "payments_scored_total" | "dead_letters_total":
            found.kind = "scorer"
            found.handled += value
        case "messages_sent_total":
            found.kind = "producer"
            found.handled += value
        case "archive_rows_total":
            found.kind = "archiver"
            found.handled += value
        case "archive_lag_records":
            found.archive_lags[labels["topic"]] += int(value)
        case "ready":
            found.ready = bool(value)
        case "process_cpu_seconds_total":
            found.cpu_s = value
        case "process_resident_memory_bytes":
            found.memory_bytes = value
        case "process_start_time_seconds":
            found.started_s = value
        case "partition_ready":
            found.partitions[int(labels["partition"])] = bool(value)
        case "lag_records":
            found.lags[int(labels["partition"])] = int(value)
        case "end_to_end_latency_seconds_bucket":
            found.ages[float(labels["le"])] = value
        case "model_info":
            found.models.append((labels["role"], labels["version"], labels["kind"]))
        case "model_refused":
            found.model_refused = bool(value)
        case "challenger_payments_total":
            found.challenged = value
        case "challenger_agreed_total":
            found.agreed = value
        case "drift_psi":
            found.psi[labels["field"]] = value
        case "drift_limit":
            found.limit[labels["field"]] = value
        case "drifting":
            found.drifting[labels["field"]] = bool(value)
