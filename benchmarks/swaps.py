"""Waiting times of payments while a model is swapped under load, beside the same load without swaps."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from tests.integration.background import in_background

from benchmarks import topics, workload
from benchmarks.arrivals import Arrivals
from benchmarks.figures import percentile
from benchmarks.job import Bench, Job, job, running
from benchmarks.latency import SETTLE_S, WARM_UP_PAYMENTS, one_by_one, waits_ms, warm_up
from benchmarks.pacing import send_paced
from fraudstream.model import store

RATE_PER_S = 10_000
PARTITIONS = 6
_SWAP_EVERY_S = 3.0
_ARRIVE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """The number of swaps in one run, and the milliseconds within which its scores arrived."""

    swaps: int
    p50_ms: float
    p99_ms: float
    longest_ms: float


def measure(bench: Bench) -> dict[bool, list[Waits]]:
    """Return runs with swaps and runs without, in turn."""
    found: dict[bool, list[Waits]] = {False: [], True: []}
    for number in range(1, bench.settings.latency_repeats + 1):
        for swapped, runs in found.items():
            with job(bench, "scorer_swapped", partitions=PARTITIONS) as new:
                waits = _run(new, bench.settings.latency_s, swapped=swapped)
            runs.append(waits)
            print(
                f"swaps {number}: {waits.swaps} swaps at {RATE_PER_S:,}/s  p50 {waits.p50_ms:6.1f}"
                f"  p99 {waits.p99_ms:6.1f}  longest {waits.longest_ms:6.1f} ms",
                flush=True,
            )
    return found


def _run(new: Job, seconds: float, *, swapped: bool) -> Waits:
    """Run once; RuntimeError if a payment was scored twice, TimeoutError if one was not."""
    sender = one_by_one(new)
    settling, measured = int(SETTLE_S * RATE_PER_S), int(seconds * RATE_PER_S)
    with running(new) as process, Arrivals(new.bootstrap, new.scored, new.partitions) as arrivals:
        warm_up(new, sender, arrivals)
        messages = workload.payments(settling + measured, WARM_UP_PAYMENTS + 1)
        with _swapping(Path(new.contender.variables["MODELS_DIR"])) if swapped else nullcontext():
            due_s = send_paced(sender, new.input, messages, RATE_PER_S)
        numbers = range(WARM_UP_PAYMENTS + 1, WARM_UP_PAYMENTS + 1 + len(due_s))
        arrived_s = arrivals.wait_for(numbers, _ARRIVE_S)
        swaps = process.log.read_text(encoding="utf-8").count('"event": "model swapped"')
    scored = topics.committed_records(new.bootstrap, new.scored, new.partitions)
    if scored != WARM_UP_PAYMENTS + len(due_s):
        raise RuntimeError(f"{scored} scored records for {WARM_UP_PAYMENTS + len(due_s)} payments")
    waits = waits_ms(due_s[settling:], arrived_s[settling:])
    p50_ms, p99_ms = (percentile(waits, share) for share in (0.50, 0.99))
    return Waits(swaps=swaps, p50_ms=p50_ms, p99_ms=p99_ms, longest_ms=waits[-1])


@contextmanager
def _swapping(models_dir: Path) -> Iterator[None]:
    """Activate the folder's versions one after the other, repeatedly."""
    active = store.active(models_dir)
    others = [manifest.content_sha256 for manifest in store.kept(models_dir) if manifest != active]

    def swap(over: Event) -> None:
        versions = itertools.cycle([*others, *([active.content_sha256] if active else [])])
        while not over.wait(_SWAP_EVERY_S):
            store.activate(models_dir, next(versions))

    with in_background(swap):
        yield
