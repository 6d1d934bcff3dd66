"""Throughput: every contender reads the whole input, one after the other, in several rounds."""

from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass

from benchmarks import topics, usage, workload
from benchmarks.job import Bench, Job, job, running
from benchmarks.progress import Pace, Sample, pace
from benchmarks.scraping import scraped
from benchmarks.visible import Output
from benchmarks.watching import output, rows, watch

PARTITIONS = 4
ORDER = (
    "scorer_default",
    "kafka_streams",
    "scorer_logistic",
    "ceiling",
    "scorer_hgb",
    "scorer_default_at_least_once",
    "quixstreams_hgb",
    "quixstreams_logistic",
    "plain_loop_hgb",
    "plain_loop_logistic",
)
COMPANIONS = (
    "scorer_default_bare",
    "scorer_default_watched",
    "scorer_default_challenged",
    "scorer_hgb_bare",
    "scorer_hgb_watched",
)
METRICS = (
    "scorer_default_with_metrics",
    "scorer_default_without_metrics",
    "scorer_logistic_without_metrics",
    "scorer_logistic_with_metrics",
)


@dataclass(frozen=True, slots=True)
class Run:
    """The measurements of one run of one contender."""

    pace: Pace
    records: int
    peak_mb: float


def measure(bench: Bench, order: Sequence[str] = ORDER) -> dict[str, list[Run]]:
    """Return each contender's runs, in the order of the rounds."""
    return _rounds(bench, [order] * bench.settings.repeats, bench.settings.payments)


def measure_metrics(bench: Bench) -> dict[str, list[Run]]:
    """Measure with and without metrics: small differences, so twice the payments and rounds, in alternating order."""
    return _rounds(bench, [METRICS, METRICS[::-1]] * bench.settings.repeats, 2 * bench.settings.payments)


def _rounds(bench: Bench, orders: Sequence[Sequence[str]], count: int) -> dict[str, list[Run]]:
    topic = "throughput-payments"
    topics.make(bench.bootstrap, [topic], PARTITIONS)
    workload.fill(bench.bootstrap, topic, workload.payments(count))
    runs: dict[str, list[Run]] = {name: [] for name in orders[0]}
    for number, order in enumerate(orders, 1):
        for name in order:
            with job(bench, name, input_topic=topic, partitions=PARTITIONS) as new:
                one = run(new, count)
            runs[name].append(one)
            _print(number, name, one)
    topics.delete(bench.bootstrap, [topic])
    return runs


def _print(number: int, name: str, one: Run) -> None:
    pace = one.pace
    print(
        f"throughput {number}: {name:<31} {pace.per_s:>10,.0f}/s {one.peak_mb:>6.0f} MB"
        f"  CPU for 1,000: {1_000 * pace.cpu_s_per_1000:.2f} ms, the broker's {1_000 * pace.broker_cpu_s_per_1000:.2f}",
        flush=True,
    )


def run(new: Job, count: int) -> Run:
    """Run one contender once over all `count` payments, or as many as its time allows."""
    seen = output(new)
    with running(new) as process, scraped(process) if new.contender.scraped else nullcontext():
        samples = watch(new, seen, process, count)
        peak_mb = usage.peak_resident_mb(process.pid)
    records, found = check(new, count, seen, samples)
    return Run(found, records, peak_mb)


def check(job: Job, count: int, seen: Output, samples: Sequence[Sample]) -> tuple[int, Pace]:
    """Return the number of records in the output, and its pace; RuntimeError if there are fewer or more than the input.

    Closes the output.
    """
    stored = rows(job)
    if job.contender.writes == "csv":
        records = stored
    else:
        records = topics.committed_records(job.bootstrap, job.scored, job.partitions)
    enough = 0 < records <= count if job.contender.most_s else records == count
    if not enough or (job.contender.writes == "topic and csv" and stored != count):
        raise RuntimeError(f"{job.contender.name}: {records} records and {stored} rows out of {count} payments")
    with closing(seen):
        return records, pace(samples, records / seen.total())
