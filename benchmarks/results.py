"""Measurements → results.json: the ratios by name, their spreads, the figures behind them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks import goals
from benchmarks.archive import Filled
from benchmarks.dashboard import Screen
from benchmarks.figures import Spread, ratio
from benchmarks.latency import Case, Percentiles
from benchmarks.memory import Footprint
from benchmarks.settings import SECTIONS
from benchmarks.swaps import RATE_PER_S, Waits
from benchmarks.throughput import Run

_DEFAULT_PARTITIONS = 6
_JUDGED_RATE_PER_S = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the sections brought; None where one was left out."""

    throughput: Mapping[str, Sequence[Run]] | None = None
    latency: Mapping[Case, Sequence[Percentiles]] | None = None
    companions: Mapping[str, Sequence[Run]] | None = None
    metrics: Mapping[str, Sequence[Run]] | None = None
    swaps: Mapping[bool, Sequence[Waits]] | None = None
    replicas: Mapping[int, Sequence[float]] | None = None
    memory: Footprint | None = None
    dashboard: Screen | None = None
    archive: Mapping[str, Filled] | None = None


def results(measured: Measured, machine: Mapping[str, object], run: Mapping[str, object]) -> dict[str, Any]:
    """All of it, ready for JSON."""
    found = ratios(measured)
    content: dict[str, Any] = {
        "ratios": {name: _rounded(spread.median) for name, spread in found.items()},
        "spreads": {name: _spread(spread) for name, spread in found.items()},
    }
    if measured.throughput:
        content["throughput"] = {name: _throughput(runs) for name, runs in measured.throughput.items()}
    if measured.latency:
        content["latency"] = [_latency(case, runs) for case, runs in measured.latency.items()]
    if measured.companions:
        content["companions"] = {name: _throughput(runs) for name, runs in measured.companions.items()}
    if measured.metrics:
        content["metrics"] = {name: _throughput(runs) for name, runs in measured.metrics.items()}
    if measured.swaps:
        content["swaps"] = [_waits(runs) for runs in measured.swaps.values()]
    if measured.replicas:
        content["replicas"] = {str(count): _spread(Spread.of(rates)) for count, rates in measured.replicas.items()}
    if measured.memory:
        content["memory"] = asdict(measured.memory)
    if measured.dashboard:
        content["dashboard"] = asdict(measured.dashboard)
    if measured.archive:
        content["archive"] = {kind: asdict(filled) for kind, filled in measured.archive.items()}
    return content | {"run": dict(run), "machine": dict(machine)}


def added(former: Mapping[str, Any], new: Mapping[str, Any], on: str) -> dict[str, Any]:
    """The sections of `new` among the `former` ones, which stay as they are; what came later says when and where."""
    sections: dict[str, Any] = {
        name: (new if name in new else former)[name] for name in SECTIONS if name in new or name in former
    }
    later = {name: {"on": on, "run": new["run"], "machine": new["machine"]} for name in sections if name in new}
    ratios, spreads = (
        {goal.name: figures[goal.name] for goal in goals.GOALS if goal.name in figures}
        for figures in ({**former[kind], **new[kind]} for kind in ("ratios", "spreads"))
    )
    return {
        "ratios": ratios,
        "spreads": spreads,
        **sections,
        "run": former["run"],
        "machine": former["machine"],
        "later": {**former.get("later", {}), **later},
    }


def ratios(measured: Measured) -> dict[str, Spread]:
    """Every ratio that the measured sections allow, in the order of the goals."""
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
        found[goals.LATENCY] = ratio(_p99(measured.latency, "scorer_default"), _p99(measured.latency, "kafka_streams"))
    return {goal.name: found[goal.name] for goal in goals.GOALS if goal.name in found}


def _p99(latency: Mapping[Case, Sequence[Percentiles]], contender: str) -> list[float]:
    case = Case(contender=contender, partitions=_DEFAULT_PARTITIONS, rate_per_s=_JUDGED_RATE_PER_S)
    return [run.p99_ms for run in latency[case]]


def _throughput(runs: Sequence[Run]) -> dict[str, Any]:
    return {
        "per_s": _spread(Spread.of([run.pace.per_s for run in runs])),
        "cpu_ms_per_1000": _spread(Spread.of([1_000 * run.pace.cpu_s_per_1000 for run in runs])),
        "peak_mb": _spread(Spread.of([run.peak_mb for run in runs])),
        "payments": min(run.records for run in runs),
    }


def _waits(runs: Sequence[Waits]) -> dict[str, Any]:
    return {
        "swaps": min(run.swaps for run in runs),
        "rate_per_s": RATE_PER_S,
        "p50_ms": _spread(Spread.of([run.p50_ms for run in runs])),
        "p99_ms": _spread(Spread.of([run.p99_ms for run in runs])),
        "longest_ms": _spread(Spread.of([run.longest_ms for run in runs])),
    }


def _latency(case: Case, runs: Sequence[Percentiles]) -> dict[str, Any]:
    return {
        **asdict(case),
        "p50_ms": _spread(Spread.of([run.p50_ms for run in runs])),
        "p95_ms": _spread(Spread.of([run.p95_ms for run in runs])),
        "p99_ms": _spread(Spread.of([run.p99_ms for run in runs])),
    }


def _spread(spread: Spread) -> dict[str, float]:
    return {name: _rounded(value) for name, value in asdict(spread).items()}


def _rounded(value: float) -> float:
    """Four significant digits: no measurement here knows more."""
    return float(f"{value:.4g}")
