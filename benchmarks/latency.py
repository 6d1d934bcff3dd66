"""Latency: from the time a payment was due to be sent until a read_committed reader has its score, on one clock.

Payments are sent on a fixed schedule, and a late one counts from its due time. Also measured: the CPU time of
contender and broker while these payments are sent.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import Producer

from benchmarks import usage, workload
from benchmarks.arrivals import Arrivals
from benchmarks.figures import percentile
from benchmarks.job import Bench, Job, job, running
from benchmarks.pacing import send_paced
from benchmarks.progress import Sample, core_shares

ORDER = (
    (6, "scorer_default"),
    (6, "kafka_streams"),
    (6, "kafka_streams_10ms"),
    (24, "scorer_default"),
    (24, "kafka_streams_10ms"),
)
"""Partitions and contender, in the order of a round."""
RATES_PER_S = (100, 1_000, 5_000)

WARM_UP_PAYMENTS = 30_000
_WARM_UP_TIMEOUT_S = 90.0
SETTLE_S = 2.0
_ARRIVE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A contender, the partitions of its topics and the rate at which payments are sent."""

    contender: str
    partitions: int
    rate_per_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Paced:
    """One run at one rate: the 50th, 95th and 99th percentile of the latency in milliseconds, and shares of a core."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_share: float
    broker_cpu_share: float


def measure(bench: Bench) -> dict[Case, list[Paced]]:
    """Return each case's runs, in the order of the rounds."""
    found: dict[Case, list[Paced]] = {}
    for number in range(1, bench.settings.latency_repeats + 1):
        for partitions, contender in ORDER:
            with job(bench, contender, partitions=partitions) as new:
                rates = run(new, bench.settings.latency_s)
            for rate_per_s, paced in rates.items():
                case = Case(contender=contender, partitions=partitions, rate_per_s=rate_per_s)
                found.setdefault(case, []).append(paced)
                _print(number, case, paced)
    return found


def run(new: Job, seconds: float) -> dict[int, Paced]:
    """Warm up with a burst, then run each rate for `seconds`, after some time in which it settles."""
    sender = one_by_one(new)
    with running(new) as process, Arrivals(new.bootstrap, new.scored, new.partitions) as arrivals:
        warm_up(new, sender, arrivals)
        time.sleep(SETTLE_S)
        first, found = WARM_UP_PAYMENTS + 1, {}
        for rate_per_s in RATES_PER_S:
            settling, measured = int(SETTLE_S * rate_per_s), int(seconds * rate_per_s)
            payments = list(workload.payments(settling + measured, first))
            send_paced(sender, new.input, payments[:settling], rate_per_s)
            before = usage.sample(process.pid, 0, new.broker_pid)
            due_s = send_paced(sender, new.input, payments[settling:], rate_per_s)
            after = usage.sample(process.pid, measured, new.broker_pid)
            first += len(payments)
            arrived_s = arrivals.wait_for(range(first - measured, first), _ARRIVE_S)
            found[rate_per_s] = _paced(waits_ms(due_s, arrived_s), before, after)
        return found


def one_by_one(new: Job) -> Producer:
    """Return a producer that sends each payment immediately."""
    return workload.producer(new.bootstrap, **{"linger.ms": 0})


def warm_up(new: Job, sender: Producer, arrivals: Arrivals) -> None:
    """Send the payments 1 to `WARM_UP_PAYMENTS`; return when all are scored."""
    workload.send(sender, new.input, workload.payments(WARM_UP_PAYMENTS))
    arrivals.wait_for(range(1, WARM_UP_PAYMENTS + 1), _WARM_UP_TIMEOUT_S)


def waits_ms(due_s: Sequence[float], arrived_s: Sequence[float]) -> list[float]:
    """Return each payment's time until its score, ascending."""
    return sorted(1_000 * (arrived - due) for due, arrived in zip(due_s, arrived_s, strict=True))


def _paced(waits: Sequence[float], before: Sample, after: Sample) -> Paced:
    cpu_share, broker_cpu_share = core_shares(before, after)
    p50_ms, p95_ms, p99_ms = (percentile(waits, share) for share in (0.50, 0.95, 0.99))
    return Paced(p50_ms=p50_ms, p95_ms=p95_ms, p99_ms=p99_ms, cpu_share=cpu_share, broker_cpu_share=broker_cpu_share)


def _print(number: int, case: Case, found: Paced) -> None:
    print(
        f"latency {number}: {case.contender:<20} {case.partitions:>2} partitions {case.rate_per_s:>5}/s"
        f"  p50 {found.p50_ms:6.1f}  p95 {found.p95_ms:6.1f}  p99 {found.p99_ms:6.1f} ms"
        f"  CPU {100 * found.cpu_share:3.0f} %, the broker's {100 * found.broker_cpu_share:3.0f} %",
        flush=True,
    )
