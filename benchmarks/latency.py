"""Latency: from when a payment was due to be sent until a read_committed reader has its score, on one clock.

Payments are sent on a schedule that waits for nobody, and a late one counts from its due time.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import Producer

from benchmarks import workload
from benchmarks.arrivals import Arrivals
from benchmarks.figures import percentile
from benchmarks.job import Bench, Job, job, running
from benchmarks.pacing import send_paced

PARTITIONS = (4, 6)
RATES_PER_S = (100, 1_000)
ORDER = ("scorer_default", "kafka_streams", "kafka_streams_10ms")

WARM_UP_PAYMENTS = 30_000
_WARM_UP_TIMEOUT_S = 90.0
SETTLE_S = 2.0
_ARRIVE_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is measured of whom."""

    contender: str
    partitions: int
    rate_per_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """Milliseconds within which 50, 95 and 99 % of the scores were there."""

    p50_ms: float
    p95_ms: float
    p99_ms: float


def measure(bench: Bench) -> dict[Case, list[Percentiles]]:
    """Each case's percentiles, in the order of the rounds."""
    found: dict[Case, list[Percentiles]] = {}
    for number in range(1, bench.settings.latency_repeats + 1):
        for partitions in PARTITIONS:
            for contender in ORDER:
                with job(bench, contender, partitions=partitions) as new:
                    rates = run(new, bench.settings.latency_s)
                for rate_per_s, latencies in rates.items():
                    case = Case(contender=contender, partitions=partitions, rate_per_s=rate_per_s)
                    found.setdefault(case, []).append(latencies)
                    _say(number, case, latencies)
    return found


def run(new: Job, seconds: float) -> dict[int, Percentiles]:
    """Warm up with a burst, then each rate for `seconds`, after a while in which it settles."""
    sender = one_by_one(new)
    with running(new), Arrivals(new.bootstrap, new.scored, new.partitions) as arrivals:
        warm_up(new, sender, arrivals)
        time.sleep(SETTLE_S)
        first, found = WARM_UP_PAYMENTS + 1, {}
        for rate_per_s in RATES_PER_S:
            settling, measured = int(SETTLE_S * rate_per_s), int(seconds * rate_per_s)
            due_s = send_paced(sender, new.input, workload.payments(settling + measured, first), rate_per_s)
            numbers = range(first, first + len(due_s))
            arrived_s = arrivals.wait_for(numbers, _ARRIVE_S)
            found[rate_per_s] = _percentiles(waits_ms(due_s[settling:], arrived_s[settling:]))
            first += len(due_s)
        return found


def one_by_one(new: Job) -> Producer:
    """A producer that sends each payment at once."""
    return workload.producer(new.bootstrap, **{"linger.ms": 0})


def warm_up(new: Job, sender: Producer, arrivals: Arrivals) -> None:
    """A burst, the payments 1 to `WARM_UP_PAYMENTS`; returns when all are scored."""
    workload.send(sender, new.input, workload.payments(WARM_UP_PAYMENTS))
    arrivals.wait_for(range(1, WARM_UP_PAYMENTS + 1), _WARM_UP_TIMEOUT_S)


def waits_ms(due_s: Sequence[float], arrived_s: Sequence[float]) -> list[float]:
    """How long each payment's score took, ascending."""
    return sorted(1_000 * (arrived - due) for due, arrived in zip(due_s, arrived_s, strict=True))


def _percentiles(waits: Sequence[float]) -> Percentiles:
    return Percentiles(p50_ms=percentile(waits, 0.50), p95_ms=percentile(waits, 0.95), p99_ms=percentile(waits, 0.99))


def _say(number: int, case: Case, found: Percentiles) -> None:
    print(
        f"latency {number}: {case.contender:<20} {case.partitions} partitions {case.rate_per_s:>5}/s"
        f"  p50 {found.p50_ms:6.1f}  p95 {found.p95_ms:6.1f}  p99 {found.p99_ms:6.1f} ms",
        flush=True,
    )
