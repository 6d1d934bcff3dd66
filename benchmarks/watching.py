"""Samples of a contender's growing output, taken from outside, in the same way for all."""

import time

from tests.integration.broker.process import Process

from benchmarks import usage
from benchmarks.job import Job
from benchmarks.progress import Sample
from benchmarks.visible import CsvOutput, Output, TopicOutput

_LOOK_EVERY_S = 0.02
_STILL_S = 1.0
_STUCK_S = 60.0
_LONGEST_S = 900.0


def output(job: Job) -> Output:
    """Return the output in which the contender's work is visible."""
    if job.contender.writes == "csv":
        return CsvOutput(job.csv)
    return TopicOutput(job.bootstrap, job.scored, job.partitions)


def watch(job: Job, seen: Output, process: Process, records: int) -> list[Sample]:
    """Sample 50 times per second, until all `records` are there and the output stops, or a slow contender's time ends.

    Raises RuntimeError if the process ends, TimeoutError if it gets stuck.
    """
    most_s = job.contender.most_s
    samples = [_look(job, seen, process)]
    grew_s = first_s = samples[0].at_s
    while True:
        time.sleep(_LOOK_EVERY_S)
        sample = _look(job, seen, process)
        if sample.total > samples[-1].total:
            grew_s = sample.at_s
            first_s = first_s if samples[-1].total else sample.at_s
        samples.append(sample)
        if sample.total and most_s is not None and sample.at_s - first_s > most_s:
            return samples
        if sample.total >= records and sample.at_s - grew_s > _STILL_S:
            return samples
        if sample.at_s - grew_s > _STUCK_S or sample.at_s - samples[0].at_s > _LONGEST_S:
            raise TimeoutError(f"{process.name} is stuck or too slow, at {sample.total} of {records}")


def _look(job: Job, seen: Output, process: Process) -> Sample:
    if not process.is_alive:
        raise RuntimeError(f"{process.name} has ended")
    return usage.sample(process.pid, seen.total(), job.broker_pid)


def rows(job: Job) -> int:
    """Return the number of rows in the CSV."""
    return CsvOutput(job.csv).total()
