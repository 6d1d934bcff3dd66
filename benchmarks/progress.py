"""A contender's output as it grows → its rate. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

WARM_UP = 0.2
"""The share of the output that is not measured: connecting, joining the group, JIT compilation of a JVM."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample: seconds on one clock, size of the output, CPU time until then, memory, the broker's CPU time."""

    at_s: float
    total: int
    cpu_s: float = 0.0
    resident_mb: float = 0.0
    broker_cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Records per second, and CPU seconds per thousand records: of the process and of the broker."""

    per_s: float
    cpu_s_per_1000: float
    broker_cpu_s_per_1000: float = 0.0


def window(samples: Sequence[Sample]) -> tuple[Sample, Sample]:
    """Return the first sample after the warm-up and the first one with all the output.

    Output appears in steps, one per commit; both ends are the first samples after a step, with the size then reached,
    so a contender with few large steps is measured as exactly as one with many small ones.
    """
    end = samples[-1].total
    start = next(sample for sample in samples if sample.total >= WARM_UP * end)
    finish = next(sample for sample in samples if sample.total >= end)
    if start.total >= finish.total:
        raise ValueError("the whole output appeared in one step, so it has no rate: raise BENCH_PAYMENTS")
    return start, finish


def pace(samples: Sequence[Sample], records_per_size: float = 1.0) -> Pace:
    """Return the rate within the window. `records_per_size`: a topic's size also counts transaction markers."""
    start, finish = window(samples)
    records = (finish.total - start.total) * records_per_size
    return Pace(
        per_s=records / (finish.at_s - start.at_s),
        cpu_s_per_1000=1_000 * (finish.cpu_s - start.cpu_s) / records,
        broker_cpu_s_per_1000=1_000 * (finish.broker_cpu_s - start.broker_cpu_s) / records,
    )


def resident_by_tenth(samples: Sequence[Sample]) -> list[float]:
    """Return the resident memory at each tenth of the output."""
    end = samples[-1].total
    return [
        next(sample for sample in samples if sample.total * 10 >= tenth * end).resident_mb for tenth in range(1, 11)
    ]


def core_shares(start: Sample, finish: Sample) -> tuple[float, float]:
    """Return the CPU time between two samples as shares of one core: the process's and the broker's."""
    seconds = finish.at_s - start.at_s
    return (finish.cpu_s - start.cpu_s) / seconds, (finish.broker_cpu_s - start.broker_cpu_s) / seconds


def cpu_shares(samples: Sequence[Sample], over_s: float) -> list[float]:
    """Return shares of one core, over each `over_s` that the samples span, or over all of them if that is less."""
    shares, start = list[float](), 0
    for finish in samples:
        while finish.at_s - samples[start + 1].at_s >= over_s:
            start += 1
        first = samples[start]
        if finish.at_s - first.at_s >= over_s or (finish is samples[-1] and not shares):
            shares.append(core_shares(first, finish)[0])
    return shares
