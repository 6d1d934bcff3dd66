"""One run of one contender, with its own topics, group and folder."""

import itertools
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.broker.process import Process

from benchmarks import topics
from benchmarks.contenders import Contender
from benchmarks.settings import BenchSettings

_STOP_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Settings, models and broker that all runs share."""

    bootstrap: str
    broker_pid: int
    folder: Path
    settings: BenchSettings
    contenders: Mapping[str, Contender]
    numbers: Iterator[int] = field(default_factory=itertools.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The inputs and outputs of one contender."""

    bootstrap: str
    broker_pid: int
    contender: Contender
    name: str
    input: str
    partitions: int
    folder: Path

    @property
    def scored(self) -> str:
        """The scored topic of this run."""
        return f"{self.name}-scored"

    @property
    def outputs(self) -> list[str]:
        """The topics that the contender writes."""
        return [self.scored, f"{self.name}-dlq"]

    @property
    def csv(self) -> Path:
        """The CSV of this run."""
        return self.folder / "scores.csv"

    def heartbeat(self, replica: int = 0) -> Path:
        """Return the file that records whether a scorer is ready."""
        return self.folder / f"heartbeat-{replica}"

    def environment(self, replica: int = 0) -> dict[str, str]:
        """Return the contender's environment: the scorer's variables, which the others understand too."""
        return {
            "PATH": os.environ["PATH"],
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
            "INPUT_TOPIC": self.input,
            "SCORED_TOPIC": self.outputs[0],
            "DLQ_TOPIC": self.outputs[1],
            "TOPIC_PARTITIONS": str(self.partitions),
            "CONSUMER_GROUP": self.name,
            "AUTO_OFFSET_RESET": "earliest",
            "CSV_PATH": str(self.csv),
            "HEARTBEAT_FILE": str(self.heartbeat(replica)),
            "STATE_DIR": str(self.folder / "state"),
            "LOG_FORMAT": "json",
            **self.contender.variables,
        }


@contextmanager
def job(bench: Bench, contender: str, *, input_topic: str | None = None, partitions: int = 4) -> Iterator[Job]:
    """Create topics and a folder, and delete them afterwards; without `input_topic`, create an input topic too."""
    name = f"{contender.replace('_', '-')}-{next(bench.numbers)}"
    folder = bench.folder / name
    new = Job(
        bootstrap=bench.bootstrap,
        broker_pid=bench.broker_pid,
        contender=bench.contenders[contender],
        name=name,
        input=input_topic or f"{name}-payments",
        partitions=partitions,
        folder=folder,
    )
    own = [*new.outputs, *([] if input_topic else [new.input])]
    folder.mkdir(parents=True)
    topics.make(bench.bootstrap, own, partitions)
    yield new
    topics.delete(bench.bootstrap, own)
    shutil.rmtree(folder)


@contextmanager
def running(job: Job, replica: int = 0, **more: str) -> Iterator[Process]:
    """Run the contender as a process, terminated at the end; `more` are variables known only at its start."""
    variables = [f"{name}={value}" for name, value in (job.environment(replica) | more).items()]
    command = ["env", "-i", *variables, *job.contender.command]
    process = Process(job.contender.name, command, job.folder / f"log-{replica}.txt", lambda: True)
    process.launch()
    try:
        yield process
    except BaseException:
        print(process.log.read_text(encoding="utf-8", errors="replace")[-4_000:], file=sys.stderr)
        raise
    finally:
        process.terminate(_STOP_S)
