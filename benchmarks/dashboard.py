"""The dashboard while payments flow: its resources, the delay of its pages, the time to a page's first number."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from tests.integration.broker.deadline import wait_until
from tests.integration.broker.process import Process

from benchmarks import painting, records, scored, usage
from benchmarks.addresses import address
from benchmarks.figures import percentile
from benchmarks.job import Bench, Job, job, running
from benchmarks.progress import Sample, cpu_shares, resident_by_tenth
from benchmarks.records import Template
from benchmarks.seen import counts_delay_s, flagged_delays_s, last
from benchmarks.viewing import seen, viewing
from benchmarks.writing import Written, writing
from fraudstream.runtime.heartbeat import unhealthy

RATE_PER_S = 10_000
PARTITIONS = 6
VIEWERS = 5
LOADS = 10
_IDLE_S = 30.0
_SETTLE_S = 5.0
_SHOWN_S = 5.0
_LOOK_EVERY_S = 0.5
_CPU_OVER_S = 10.0
_READY_S = 60.0
_HOUR_TIMEOUT_S = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """The dashboard's resources with one viewer and no payments."""

    cpu_share: float
    resident_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """The dashboard's resources with all viewers, at full rate; CPU as shares of one core, over 10 s each."""

    seconds: float
    rate_per_s: float
    """The measured rate."""
    cpu_share: float
    cpu_share_most: float
    resident_mb_by_tenth: Sequence[float]
    peak_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Events sent to the viewers: their delay and their size."""

    viewers: int
    flagged: int
    """Flagged payments of the measured time, received by a viewer, of all viewers."""
    p50_s: float
    p99_s: float
    longest_s: float
    counts_longest_s: float | None
    """From a second's end until the counts have all of its payments; None if they never had."""
    kb_per_s: float
    """Per viewer."""
    events_sampled: int
    """Events that report skipped payments."""
    payments: int
    payments_told: int
    """At the end, by the viewer that received the fewest."""
    dead_letters: int
    dead_letters_told: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """All measurements of the dashboard."""

    idle: Idle
    flow: Flow
    told: Delivery
    first_paint_ms: Sequence[float]
    """One per load; empty if `unpainted` has a reason."""
    unpainted: str
    board_payments: int
    board_mb_by_quarter: Sequence[float]
    """Resident memory of a process with nothing but a board, over an hour's payments."""


def measure(bench: Bench) -> Screen:
    """Measure the dashboard beside an idle scorer, whose metrics it shows."""
    templates = scored.templates(Path(bench.contenders["scorer_default"].variables["MODELS_DIR"]))
    with (
        job(bench, "scorer_default_with_metrics", partitions=PARTITIONS) as beside,
        running(beside) as scorer,
        job(bench, "dashboard", partitions=PARTITIONS) as new,
        running(new, METRICS_TARGETS=urlsplit(address(scorer.log, "metrics")).netloc) as process,
    ):
        url = address(process.log, "dashboard")
        wait_until(lambda: unhealthy(new.heartbeat()) is None, _READY_S, "the dashboard ready")
        idle = _idle(new, process, url, min(_IDLE_S, bench.settings.dashboard_s))
        print(f"dashboard: idle {100 * idle.cpu_share:.1f} % of a core, {idle.resident_mb:.0f} MB", flush=True)
        flow, told, first_paint_ms, unpainted = _flow(new, process, url, templates, bench.settings.dashboard_s)
    found = Screen(
        idle=idle,
        flow=flow,
        told=told,
        first_paint_ms=first_paint_ms,
        unpainted=unpainted,
        board_payments=bench.settings.board_payments,
        board_mb_by_quarter=_hour(templates, bench.settings.board_payments, bench.folder / "templates"),
    )
    _print(found)
    return found


def _idle(new: Job, process: Process, url: str, seconds: float) -> Idle:
    with viewing(url, 1, new.folder / "idle.jsonl"):
        time.sleep(_SETTLE_S)
        samples = _samples(process, seconds, lambda: 0)
    return Idle(cpu_share=cpu_shares(samples, seconds)[0], resident_mb=samples[-1].resident_mb)


def _flow(
    new: Job, process: Process, url: str, templates: Sequence[Template], seconds: float
) -> tuple[Flow, Delivery, Sequence[float], str]:
    """Measure the flow first and then the page loads: a browser's start would slow all processes."""
    file, unpainted, first_paint_ms = new.folder / "seen.jsonl", "", list[float]()
    scored_topic, dlq_topic = new.outputs
    with viewing(url, VIEWERS, file):
        with writing(new.bootstrap, scored_topic, dlq_topic, templates, RATE_PER_S) as written:
            time.sleep(_SETTLE_S)
            since_s = time.time()
            samples = _samples(process, seconds, lambda: written.payments)
            until_s = time.time()
            peak_mb = usage.peak_resident_mb(process.pid)
            try:
                first_paint_ms = painting.paints_ms(url, LOADS)
            except NotImplementedError as error:
                unpainted = str(error)
        time.sleep(_SHOWN_S)
    shares = cpu_shares(samples, _CPU_OVER_S)
    first, finish = samples[0], samples[-1]
    flow = Flow(
        seconds=seconds,
        rate_per_s=(finish.total - first.total) / (finish.at_s - first.at_s),
        cpu_share=median(shares),
        cpu_share_most=max(shares),
        resident_mb_by_tenth=resident_by_tenth(samples),
        peak_mb=peak_mb,
    )
    return flow, _measure_delivery(file, written, since_s, until_s), first_paint_ms, unpainted


def _samples(process: Process, seconds: float, total: Callable[[], int]) -> list[Sample]:
    samples = [usage.sample(process.pid, total())]
    while samples[-1].at_s - samples[0].at_s < seconds:
        time.sleep(_LOOK_EVERY_S)
        samples.append(usage.sample(process.pid, total()))
    return samples


def _measure_delivery(file: Path, written: Written, since_s: float, until_s: float) -> Delivery:
    events = seen(file)
    ends, delays = last(events), flagged_delays_s(events, since_s, until_s)
    measured = [event for event in events if since_s <= event.at_s < until_s]
    return Delivery(
        viewers=len(ends),
        flagged=len(delays),
        p50_s=percentile(delays, 0.50),
        p99_s=percentile(delays, 0.99),
        longest_s=delays[-1],
        counts_longest_s=counts_delay_s(events, written.by_second, since_s, until_s),
        kb_per_s=sum(event.size for event in measured) / 1_000 / (until_s - since_s) / len(ends),
        events_sampled=sum(event.sampled for event in events),
        payments=written.payments,
        payments_told=min(event.payments for event in ends),
        dead_letters=written.dead_letters,
        dead_letters_told=min(event.dead_letters for event in ends),
    )


def _hour(templates: Sequence[Template], payments: int, file: Path) -> list[float]:
    """Return the memory over 36,000,000 payments, an hour of the board's own clock."""
    records.save(templates, file)
    command = [sys.executable, "-m", "benchmarks.programs.hour", str(file), str(payments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=_HOUR_TIMEOUT_S)
    resident_mb: list[float] = json.loads(done.stdout)
    return resident_mb


def _print(found: Screen) -> None:
    flow, told = found.flow, found.told
    paint = f"{median(found.first_paint_ms):.0f} ms" if found.first_paint_ms else found.unpainted
    print(
        f"dashboard: {flow.rate_per_s:,.0f}/s  {100 * flow.cpu_share:.0f} % of a core (at most"
        f" {100 * flow.cpu_share_most:.0f})  {flow.peak_mb:.0f} MB  p50 {told.p50_s:.2f}  p99 {told.p99_s:.2f}"
        f"  longest {told.longest_s:.2f} s  {told.payments_told:,} of {told.payments:,} received  first paint: {paint}"
        f"  an hour's worth: {', '.join(f'{value:.0f}' for value in found.board_mb_by_quarter)} MB",
        flush=True,
    )
