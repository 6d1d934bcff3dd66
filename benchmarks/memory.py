"""Memory, CPU and idleness of one scorer: it drains a large backlog, then is idle."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import usage, workload
from benchmarks.job import Bench, Job, job, running
from benchmarks.progress import resident_by_tenth
from benchmarks.throughput import check
from benchmarks.watching import output, watch

PARTITIONS = 6
_IDLE_S = 20.0
_SETTLE_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """Resident memory while draining `payments`, CPU time for them, and the share of one core used when idle."""

    payments: int
    resident_mb_by_tenth: Sequence[float]
    peak_mb: float
    cpu_s_per_1000: float
    idle_share: float


def measure(bench: Bench) -> Footprint:
    """Measure with the shipped model, at the default number of partitions."""
    count = 2 * bench.settings.payments
    with job(bench, "scorer_default", partitions=PARTITIONS) as new:
        workload.fill(new.bootstrap, new.input, workload.payments(count))
        found = _run(new, count)
    print(
        f"memory: at most {found.peak_mb:.0f} MB over {count:,} payments, {1_000 * found.cpu_s_per_1000:.1f} ms CPU "
        f"per 1,000 payments, idle {100 * found.idle_share:.1f} % of a core",
        flush=True,
    )
    return found


def _run(new: Job, count: int) -> Footprint:
    seen = output(new)
    with running(new) as process:
        samples = watch(new, seen, process, count)
        peak_mb = usage.peak_resident_mb(process.pid)
        idle_share = _idle_share(process.pid)
    records, speed = check(new, count, seen, samples)
    return Footprint(
        payments=records,
        resident_mb_by_tenth=resident_by_tenth(samples),
        peak_mb=peak_mb,
        cpu_s_per_1000=speed.cpu_s_per_1000,
        idle_share=idle_share,
    )


def _idle_share(pid: int) -> float:
    time.sleep(_SETTLE_S)
    before_s = usage.cpu_s(pid)
    time.sleep(_IDLE_S)
    return (usage.cpu_s(pid) - before_s) / _IDLE_S
