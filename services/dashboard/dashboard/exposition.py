"""Parsers of a service's /metrics and /readyz for the page. Pure, and safe against any bytes."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sized
from dataclasses import dataclass, field
from typing import Literal

import pydantic_core
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from fraudstream.payment import BLOCK, REVIEW
from fraudstream.payment_schema import MOST_FIELDS

Kind = Literal["scorer", "producer", "archiver", "service"]
KINDS: tuple[Kind, ...] = ("scorer", "producer", "archiver")

_NAMES = ("fraudstream_", "process_")
_LINE_CHARACTERS = 1_000
_STATUS_CHARACTERS = 500
_PARTITIONS = 10_000
_FIELDS = MOST_FIELDS + 1
"""Limit of the fields of a payment, and the score."""
_ENTRIES = 100
"""Limit of any other list that the page shows."""
_COSTS = ("fraud", "review", "wrong_block")
_LARGEST = 2**63 - 1


@dataclass(slots=True, kw_only=True)
class Reading:
    """Metrics of one scrape."""

    kind: Kind = "service"
    ready: bool = False
    handled: float = 0.0
    """Messages scored or sent, or rows archived, since the service's start."""
    cpu_s: float = 0.0
    memory_bytes: float = 0.0
    started_s: float = 0.0
    partitions: dict[int, bool] = field(default_factory=dict)
    """Assigned partitions, and whether each is ready."""
    lags: dict[int, int] = field(default_factory=dict)
    archive_lags: Counter[str] = field(default_factory=Counter)
    """Lag by topic, summed over its partitions."""
    ages: dict[float, float] = field(default_factory=dict)
    """Cumulative histogram of end-to-end latencies: upper bound in seconds → count."""
    models: list[tuple[str, str, str]] = field(default_factory=list)
    """(role, version, kind) of each model."""
    model_refused: bool = False
    costs: dict[str, dict[str, float]] = field(default_factory=dict)
    """Costs of decisions by model version: fraud, review, wrong_block, and the lowest probability min_block."""
    thresholds: dict[str, dict[str, float]] = field(default_factory=dict)
    """Lowest probabilities of the decisions review and block, by model version."""
    layout: str = ""
    """Hash of the schema's layout; empty if the service exports none."""
    challenged: float = 0.0
    agreed: float = 0.0
    psi: dict[str, float] = field(default_factory=dict)
    limit: dict[str, float] = field(default_factory=dict)
    drifting: dict[str, bool] = field(default_factory=dict)
    drift_payments: int = 0
    """Payments that are compared with the history, once there are `drift_least`."""
    drift_least: int = 0
    """Payments from which drift is measured; 0 if the model has no history to compare with."""

    def rules(self) -> dict[str, dict[str, dict[str, float]]]:
        """Return the rule of each model version: `thresholds`, `costs`, or both; incomplete ones are left out."""
        rules: dict[str, dict[str, dict[str, float]]] = {}
        for name, numbers, wanted in (
            ("costs", self.costs, {*_COSTS, "min_block"}),
            ("thresholds", self.thresholds, {REVIEW, BLOCK}),
        ):
            for version, found in numbers.items():
                if found.keys() == wanted:
                    rules.setdefault(version, {})[name] = found
        return rules


def reading(text: str) -> Reading:
    """Parse an exposition; missing metrics keep their defaults. Raises ValueError for any text not written by us."""
    metrics, samples = Reading(), 0
    for sample in _samples(_our_lines(text)):
        if not 0 <= sample.value <= _LARGEST:
            raise ValueError(f"{sample.name} is not a number from 0 to 2^63-1")
        try:
            _take(metrics, sample.name, sample.labels, float(sample.value))
        except KeyError as error:
            raise ValueError(f"{sample.name} has no label {error}") from error
        samples += 1
    if not samples:
        raise ValueError("no fraudstream metric")
    _check_sizes(metrics)
    return metrics


def status_of(health: bytes) -> str:
    """Return the status in an answer to /readyz. Raises ValueError for any bytes not written by us."""
    answer = pydantic_core.from_json(health)
    status = answer.get("status", "") if isinstance(answer, dict) else None
    if not isinstance(status, str):
        raise ValueError("/readyz: no object with a status")  # noqa: TRY004 - the same error for all bytes not written by us
    return status[:_STATUS_CHARACTERS]


def _our_lines(text: str) -> str:
    """Return the lines of metrics that the page may need; other lines are not parsed."""
    lines = [line for line in text.split("\n") if line.startswith(_NAMES)]
    if any(len(line) > _LINE_CHARACTERS for line in lines):
        raise ValueError(f"a line has more than {_LINE_CHARACTERS} characters")
    return "\n".join(lines)


def _samples(text: str) -> Iterator[Sample]:
    try:
        for family in text_string_to_metric_families(text):
            yield from family.samples
    except Exception as error:  # third-party parser: raises more errors than documented
        raise ValueError(f"not in Prometheus' text format: {type(error).__name__}") from error


def _check_sizes(metrics: Reading) -> None:
    partitions: list[Sized] = [metrics.partitions, metrics.lags]
    fields: list[Sized] = [metrics.psi, metrics.limit, metrics.drifting]
    others: list[Sized] = [metrics.archive_lags, metrics.ages, metrics.models, metrics.costs, metrics.thresholds]
    sizes = ((partitions, _PARTITIONS), (fields, _FIELDS), (others, _ENTRIES))
    if any(len(entries) > most for lists, most in sizes for entries in lists):
        raise ValueError("more partitions, models, fields or buckets than a fraudstream service has")


def _take(metrics: Reading, name: str, labels: Mapping[str, str], value: float) -> None:  # noqa: C901, PLR0912, PLR0915 - a table
    match name.removeprefix("fraudstream_"):
        case "payments_scored_total" | "dead_letters_total":
            metrics.kind = "scorer"
            metrics.handled += value
        case "messages_sent_total":
            metrics.kind = "producer"
            metrics.handled += value
        case "archive_rows_total":
            metrics.kind = "archiver"
            metrics.handled += value
        case "archive_lag_records":
            metrics.archive_lags[labels["topic"]] += int(value)
        case "ready":
            metrics.ready = bool(value)
        case "process_cpu_seconds_total":
            metrics.cpu_s = value
        case "process_resident_memory_bytes":
            metrics.memory_bytes = value
        case "process_start_time_seconds":
            metrics.started_s = value
        case "partition_ready":
            metrics.partitions[_partition(labels)] = bool(value)
        case "lag_records":
            metrics.lags[_partition(labels)] = int(value)
        case "end_to_end_latency_seconds_bucket":
            metrics.ages[_bound(labels)] = value
        case "model_info":
            metrics.models.append((labels["role"], labels["version"], labels["kind"]))
        case "model_refused":
            metrics.model_refused = bool(value)
        case "cost" if labels["kind"] in _COSTS:
            metrics.costs.setdefault(labels["version"], {})[labels["kind"]] = value
        case "min_block_probability":
            metrics.costs.setdefault(labels["version"], {})["min_block"] = value
        case "threshold" if labels["decision"] in {REVIEW, BLOCK}:
            metrics.thresholds.setdefault(labels["version"], {})[labels["decision"]] = value
        case "schema_info":
            metrics.layout = labels["layout"]
        case "challenger_payments_total":
            metrics.challenged = value
        case "challenger_agreed_total":
            metrics.agreed = value
        case "drift_payments":
            metrics.drift_payments = int(value)
        case "drift_least_payments":
            metrics.drift_least = int(value)
        case "drift_psi":
            metrics.psi[labels["field"]] = value
        case "drift_limit":
            metrics.limit[labels["field"]] = value
        case "drifting":
            metrics.drifting[labels["field"]] = bool(value)


def _partition(labels: Mapping[str, str]) -> int:
    partition = int(labels["partition"])
    if not 0 <= partition < 2**31:
        raise ValueError(f"{partition} is not the number of a partition")
    return partition


def _bound(labels: Mapping[str, str]) -> float:
    bound = float(labels["le"])
    if math.isnan(bound):
        raise ValueError("a bucket without a bound")
    return bound
