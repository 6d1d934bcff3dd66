"""One storm from beginning to end: servers, scorers, load and readers; then the drain and the verdict."""

import itertools
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from fraudstream.csv_file.layout import Layout
from fraudstream.payment_schema import default_schema
from fraudstream.runtime.schema_file import load_schema
from tests.chaos.crew import Crew
from tests.chaos.load import Load, Payments, Repeated, Simulated
from tests.chaos.report import Report
from tests.chaos.schedule import Disturbance, schedule
from tests.chaos.storm import Storm
from tests.chaos.verdict import judge
from tests.chaos.watch import Reader, Tailer
from tests.integration.broker import Cluster, Line, kafka_line
from tests.integration.broker.cluster import quick_jvm
from tests.integration.broker.deadline import wait_until
from tests.integration.scorer import READY, Surroundings
from tests.integration.trained import save_model, save_model_of
from tests.oracle import committed_records

PARTITIONS = 6
# who joined, who was removed: what else would explain why nothing is scored for a while
_GROUP_LOG = "-Dorg.slf4j.simpleLogger.log.kafka.coordinator.group.GroupCoordinator=info"
_CLEAN_SCORERS = 2
_READY_S = 120.0
_ENDS_S = 90.0
_DRAIN_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The storm's parameters."""

    seed: int
    minutes: float = 3.0
    replicas: int = 3
    rate: float = 1_500.0
    """Messages per second."""
    rotate_bytes: int = 0
    mutant: str = ""
    """Name of the rule that the scorers lack."""
    schema: str = ""
    """Folder of an example: its payment.toml, and its history.csv."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A storm's result; a promise was broken if there are findings, and only then is `folder` kept."""

    plan: Plan
    seconds: float
    events: Mapping[str, int]
    log_counts: Mapping[str, int]
    records: int
    during_storm: int
    dead_letters: int
    repeats: int
    lost: int
    findings: list[str]
    folder: Path

    def __str__(self) -> str:
        plan = self.plan
        rotated = f", CSV rotated at {plan.rotate_bytes} bytes" if plan.rotate_bytes else ""
        rotated += f", mutant {plan.mutant}" if plan.mutant else ""
        rotated += f", schema of {plan.schema}" if plan.schema else ""
        verdict = "FAILED" if self.findings else "kept"
        lines = [
            f"seed {plan.seed}, {plan.minutes:g} minutes, {plan.replicas} replicas, {plan.rate:g} messages/s{rotated}",
            "events: " + ", ".join(f"{count} {event}" for event, count in sorted(self.events.items())),
            "scorers logged: " + ", ".join(f"{count} {event}" for event, count in sorted(self.log_counts.items())),
            f"{self.records} records, {self.during_storm} decided during the storm, {self.seconds:.0f} s in all",
            f"{self.dead_letters} dead letters, {self.repeats} repeats, {self.lost} lost: {verdict}",
        ]
        if self.findings:
            repeat = f"CHAOS_SEED={plan.seed} CHAOS_MINUTES={plan.minutes:g} CHAOS_REPLICAS={plan.replicas}"
            repeat += f" CHAOS_RATE={plan.rate:g} CHAOS_ROTATE_BYTES={plan.rotate_bytes}"
            lines += [f"{len(self.findings)} findings; logs and outputs are in {self.folder}; repeat with {repeat}"]
            lines += [f"- {finding}" for finding in self.findings]
        return "\n".join(lines)


def run(plan: Plan) -> Result:
    """Run one storm. Leaves no process running, and no files if all promises were kept."""
    began_s = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="fraudstream-chaos-"))
    report = Report()
    report.log(f"seed {plan.seed}, logs and outputs in {folder}")
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster(jvm=(*quick_jvm(kafka_line()), _GROUP_LOG)))
        stack.callback(lambda: shutil.copy(cluster.broker.log, folder))
        surroundings = Surroundings(cluster.bootstrap, "chaos-{}".format, folder, PARTITIONS).prepare()
        settings = surroundings.settings
        if plan.rotate_bytes:
            settings["CSV_ROTATE_BYTES"] = str(plan.rotate_bytes)
        schema = default_schema()
        make_payments: Callable[[], Payments] = Simulated
        if plan.schema:
            example = Path(plan.schema).absolute()
            settings |= {"PAYMENT_SCHEMA": str(example / "payment.toml"), "SECRETS_KEY": "chaos " * 8}
            schema = load_schema(settings)
            make_payments = partial(Repeated, schema, example / "history.csv")
        models = [folder / "models", folder / "models-2"]
        for place, strength in itertools.product(models, (0.1, 0.01)):
            if plan.schema:
                save_model_of(place, schema, example / "history.csv", strength)
            else:
                save_model(place, strength)
        random = Random(plan.seed)
        crew = Crew(folder, settings, models, random, report, plan.mutant)
        stack.callback(crew.kill_all)
        reader = Reader(cluster.bootstrap, surroundings.topics, PARTITIONS, report)
        tailer = Tailer(surroundings.csv, report)
        load = Load(
            cluster.bootstrap,
            surroundings.topics[0],
            report,
            make_payments,
            seed=plan.seed,
            rate=plan.rate,
            partitions=PARTITIONS,
        )
        for one in (reader, tailer, load):
            one.start()
        _storm(plan, cluster, crew, report, reader)
        during_storm = reader.input.count - reader.undecided
        _clear(crew, report)
        if not load.stop():
            report.add_finding("the load could not deliver all of its records")
        _drain(crew, report, reader, surroundings)
        reader.stop()
        tailer.stop()
        lost = judge(report, reader, load, tailer.state(), surroundings.csv, settings, Layout.of(schema))
    result = Result(
        plan=plan,
        seconds=time.monotonic() - began_s,
        events=report.events,
        log_counts=crew.log_counts(),
        records=reader.input.count,
        during_storm=during_storm,
        dead_letters=reader.dead.count,
        repeats=reader.repeats,
        lost=lost,
        findings=report.findings,
        folder=folder,
    )
    if not result.findings:
        shutil.rmtree(folder)
    return result


def _storm(plan: Plan, cluster: Cluster, crew: Crew, report: Report, reader: Reader) -> None:
    crew.target = plan.replicas
    for member in [crew.start() for _ in range(plan.replicas)]:
        member.service.wait_for(READY, _READY_S)

    def decided() -> int:
        return reader.scored.count + reader.dead.count

    def progress() -> str:
        return f"{reader.input.count} records, {reader.undecided} undecided, {reader.dead.count} dead letters"

    storm = Storm(cluster, crew, report, decided, progress)
    storm.run(_possible(cluster, schedule(plan.seed, plan.replicas, PARTITIONS)), plan.minutes * 60)
    report.log(f"the storm is over: {progress()}")


def _possible(cluster: Cluster, disturbances: Iterable[Disturbance]) -> Iterable[Disturbance]:
    """Leave out disturbances of servers that this cluster does not have."""
    return (one for one in disturbances if one.kind != "ZooKeeper stop" or cluster.line is Line.ZOOKEEPER)


def _clear(crew: Crew, report: Report) -> None:
    """Resume the stopped scorers, so that their unfinished work meets its fence; then end all scorers."""
    for member in crew.members:  # also one that stopped itself after it was asked to end
        if member.paused:
            crew.resume(member)
    for member in crew.active:
        crew.terminate(member)

    def ended() -> bool:
        for member in crew.inspect():
            crew.kill(member)
        return not crew.members

    try:
        wait_until(ended, _ENDS_S, "the storm's scorers end")
    except TimeoutError as error:
        report.add_finding(str(error))


def _drain(crew: Crew, report: Report, reader: Reader, surroundings: Surroundings) -> None:
    """Score the remaining records with undisturbed scorers."""
    expected = len(committed_records(surroundings.bootstrap, surroundings.topics[0]))
    for _ in range(_CLEAN_SCORERS):
        crew.start()

    def drained() -> bool:
        crew.inspect()
        return reader.input.count >= expected and reader.undecided <= 0

    try:
        wait_until(drained, _DRAIN_S, f"all {expected} records decided")
        report.log(f"drained: {expected} records")
    except TimeoutError as error:
        report.add_finding(f"{error}; {reader.undecided} are undecided")
    _clear(crew, report)
