"""Measurements → results.json: the ratios by name, their spreads, the figures behind them. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks import goals
from benchmarks.archive import Filled
from benchmarks.figures import Spread, ratio
from benchmarks.kafka4 import Kafka4
from benchmarks.latency import Case, Paced
from benchmarks.memory import Footprint
from benchmarks.screen import Screen
from benchmarks.settings import SECTIONS, Section
from benchmarks.swaps import RATE_PER_S, Waits
from benchmarks.throughput import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The results of the sections; None for a section that was left out."""

    throughput: Mapping[str, Sequence[Run]] | None = None
    latency: Mapping[Case, Sequence[Paced]] | None = None
    companions: Mapping[str, Sequence[Run]] | None = None
    metrics: Mapping[str, Sequence[Run]] | None = None
    swaps: Mapping[bool, Sequence[Waits]] | None = None
    replicas: Mapping[int, Sequence[float]] | None = None
    memory: Footprint | None = None
    dashboard: Screen | None = None
    archive: Mapping[str, Filled] | None = None
    kafka4: Kafka4 | None = None


def results(measured: Measured, machine: Mapping[str, object], run: Mapping[str, object]) -> dict[str, Any]:
    """Return all results, ready for JSON."""
    found = ratios(measured)
    return {
        "ratios": {name: _rounded(spread.median) for name, spread in found.items()},
        "spreads": {name: _spread(spread) for name, spread in found.items()},
        **{name: _FORMS[name](section) for name in SECTIONS if (section := getattr(measured, name))},
        "run": dict(run),
        "machine": dict(machine),
    }


def merge(previous: Mapping[str, Any], new: Mapping[str, Any], on: str) -> dict[str, Any]:
    """Return the `new` sections among the previous ones, which are unchanged; new ones have their time and machine."""
    sections: dict[str, Any] = {
        name: (new if name in new else previous)[name] for name in SECTIONS if name in new or name in previous
    }
    later = {name: {"on": on, "run": new["run"], "machine": new["machine"]} for name in sections if name in new}
    ratios, spreads = (
        {goal.name: figures[goal.name] for goal in goals.GOALS if goal.name in figures}
        for figures in ({**previous[kind], **new[kind]} for kind in ("ratios", "spreads"))
    )
    return {
        "ratios": ratios,
        "spreads": spreads,
        **sections,
        "run": previous["run"],
        "machine": previous["machine"],
        "later": {**previous.get("later", {}), **later},
    }


def ratios(measured: Measured) -> dict[str, Spread]:
    """Return every ratio that the measured sections allow, in the order of the goals."""
    found: dict[str, Spread] = {}
    for section, compared in (
        (measured.throughput, goals.THROUGHPUT),
        (measured.companions, goals.COMPANIONS),
        (measured.metrics, goals.METRICS),
    ):
        if section:
            rates = {name: [run.pace.per_s for run in runs] for name, runs in section.items()}
            found |= {name: ratio(rates[above], rates[below]) for name, (above, below) in compared.items()}
    if measured.latency:
        p99 = {
            (case.partitions, case.contender): [run.p99_ms for run in runs]
            for case, runs in measured.latency.items()
            if case.rate_per_s == goals.LATENCY_RATE_PER_S
        }
        found |= {name: ratio(p99[above], p99[below]) for name, (above, below) in goals.LATENCY.items()}
    return {goal.name: found[goal.name] for goal in goals.GOALS if goal.name in found}


def _throughput(found: Mapping[str, Sequence[Run]]) -> dict[str, Any]:
    return {
        name: {
            "per_s": _spread(Spread.of([run.pace.per_s for run in runs])),
            "cpu_ms_per_1000": _spread(Spread.of([1_000 * run.pace.cpu_s_per_1000 for run in runs])),
            "broker_cpu_ms_per_1000": _spread(Spread.of([1_000 * run.pace.broker_cpu_s_per_1000 for run in runs])),
            "peak_mb": _spread(Spread.of([run.peak_mb for run in runs])),
            "payments": min(run.records for run in runs),
        }
        for name, runs in found.items()
    }


def _swaps(found: Mapping[bool, Sequence[Waits]]) -> list[dict[str, Any]]:
    return [
        {
            "swaps": min(run.swaps for run in runs),
            "rate_per_s": RATE_PER_S,
            "p50_ms": _spread(Spread.of([run.p50_ms for run in runs])),
            "p99_ms": _spread(Spread.of([run.p99_ms for run in runs])),
            "longest_ms": _spread(Spread.of([run.longest_ms for run in runs])),
        }
        for runs in found.values()
    ]


def _replicas(found: Mapping[int, Sequence[float]]) -> dict[str, Any]:
    return {str(count): _spread(Spread.of(rates)) for count, rates in found.items()}


def _archive(found: Mapping[str, Filled]) -> dict[str, Any]:
    return {kind: asdict(filled) for kind, filled in found.items()}


def _latency(found: Mapping[Case, Sequence[Paced]]) -> list[dict[str, Any]]:
    return [
        {
            **asdict(case),
            "p50_ms": _spread(Spread.of([run.p50_ms for run in runs])),
            "p95_ms": _spread(Spread.of([run.p95_ms for run in runs])),
            "p99_ms": _spread(Spread.of([run.p99_ms for run in runs])),
            "cpu_percent": _spread(Spread.of([100 * run.cpu_share for run in runs])),
            "broker_cpu_percent": _spread(Spread.of([100 * run.broker_cpu_share for run in runs])),
        }
        for case, runs in found.items()
    ]


def _kafka4(found: Kafka4) -> dict[str, Any]:
    return {
        "version": found.version,
        "rounds": found.rounds,
        "latency_s": found.latency_s,
        "throughput": _throughput(found.throughput),
        "latency": _latency(found.latency),
    }


def _spread(spread: Spread) -> dict[str, float]:
    return {name: _rounded(value) for name, value in asdict(spread).items()}


def _rounded(value: float) -> float:
    """Round to four significant digits: no measurement here is more exact."""
    return float(f"{value:.4g}")


_FORMS: Mapping[Section, Callable[[Any], Any]] = {
    "throughput": _throughput,
    "latency": _latency,
    "companions": _throughput,
    "metrics": _throughput,
    "swaps": _swaps,
    "replicas": _replicas,
    "memory": asdict,
    "dashboard": asdict,
    "archive": _archive,
    "kafka4": _kafka4,
}
"""Section → its measurements, ready for JSON."""
