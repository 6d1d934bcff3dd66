"""The same measurements on Kafka 4, on a broker of its own: fewer contenders and rounds, half the time at each rate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tests.integration.broker import Line

from benchmarks import latency, machine, throughput
from benchmarks.job import Bench
from benchmarks.latency import Case, Paced
from benchmarks.throughput import Run

LINE = Line.KRAFT
_ORDER = ("scorer_default", "kafka_streams", "scorer_logistic")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kafka4:
    """Throughput and latency on Kafka `version`, `rounds` times each; latency for `latency_s` at each rate."""

    version: str
    rounds: int
    latency_s: float
    throughput: Mapping[str, Sequence[Run]]
    latency: Mapping[Case, Sequence[Paced]]


def measure(bench: Bench) -> Kafka4:
    """Measure both on `bench`, whose broker must be of this line; blocks."""
    usual = bench.settings
    settings = usual.model_copy(update={"repeats": usual.latency_repeats, "latency_s": usual.latency_s / 2})
    fewer = replace(bench, settings=settings)
    return Kafka4(
        version=machine.kafka(LINE),
        rounds=settings.latency_repeats,
        latency_s=settings.latency_s,
        throughput=throughput.measure(fewer, _ORDER),
        latency=latency.measure(fewer),
    )
