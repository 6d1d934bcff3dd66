"""A scorer's surroundings: topics, a small model, a folder for its outputs."""

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic

from tests.conftest import Names
from tests.integration import offsets
from tests.integration.background import in_background
from tests.integration.broker.deadline import wait_until
from tests.integration.service import Service
from tests.integration.topic import administer, commit, delete_topic, partition_counts, read_all
from tests.integration.trained import save_model
from tests.oracle import assert_each_once, wait_until_drained
from tests.scores import numbered

READY = "partitions assigned"
_ROOT = Path(__file__).parents[2]
_HELD_MS = 600_000
"""Longer than any test holds a transaction open: the broker aborts it then."""


def payment(number: int) -> bytes:
    """Return a valid payment, the same for the same number."""
    return json.dumps(numbered(number)).encode()


class Surroundings:
    """Settings of a scorer of its own topics, group and folders."""

    def __init__(self, bootstrap: str, names: Names, folder: Path, partitions: int = 4) -> None:
        self.bootstrap = bootstrap
        self.folder = folder
        self.partitions = partitions
        self.csv = folder / "outputs" / "fraud_scores_stream.csv"
        self.settings = {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "INPUT_TOPIC": names("payments"),
            "SCORED_TOPIC": names("scored"),
            "DLQ_TOPIC": names("dlq"),
            "CONSUMER_GROUP": names("group"),
            "AUTO_OFFSET_RESET": "earliest",
            "CSV_PATH": str(self.csv),
            "MODELS_DIR": str(folder / "models"),
        }
        self.csv.parent.mkdir()
        self.replication = 1

    @property
    def topics(self) -> list[str]:
        """The topics: input, scored, dead letters."""
        return [self.settings[name] for name in ("INPUT_TOPIC", "SCORED_TOPIC", "DLQ_TOPIC")]

    @property
    def group(self) -> str:
        """The consumer group."""
        return self.settings["CONSUMER_GROUP"]

    def prepare(self) -> "Surroundings":
        """Create the topics and a model."""
        self.make_topics(dict.fromkeys(self.topics, self.partitions))
        self.model = save_model(self.folder / "models")
        return self

    def make_topics(self, partitions: dict[str, int], brokers: Mapping[int, int] | None = None) -> None:
        """Create topics with these partition counts, waiting for the end of a deletion.

        `brokers` has the broker of each partition's only replica; by default Kafka chooses.
        """
        # from Kafka 4.0 on, brokers refuse a timestamp of more than an hour ahead unless the topic takes it
        configs = {"max.message.bytes": str(2 << 20), "message.timestamp.after.max.ms": str(2**63 - 1)}
        replicas = {partition: [broker] for partition, broker in brokers.items()} if brokers else None
        new = [
            NewTopic(name, -1 if brokers else count, -1 if brokers else self.replication, replicas, configs)
            for name, count in partitions.items()
        ]

        def made() -> bool:
            administer(self.bootstrap, lambda admin: admin.create_topics(new))
            return partition_counts(self.bootstrap, list(partitions)) == list(partitions.values())

        wait_until(made, 60, "topics are created")

    def recreate(self, topic: str = "INPUT_TOPIC") -> None:
        """Delete the input, or another topic, and create it again."""
        delete_topic(self.bootstrap, self.settings[topic])
        self.make_topics({self.settings[topic]: self.partitions})

    def scorer(self, **settings: str) -> Service:
        """Start a scorer; several share the work."""
        return Service(self.folder, "scorer", self.settings | settings)

    @contextmanager
    def assigned_scorer(self, **settings: str) -> Iterator[Service]:
        """Run a scorer within the block, which begins once partitions are assigned to it."""
        with self.scorer(**settings) as scorer:
            scorer.wait_for(READY)
            yield scorer

    @contextmanager
    def ready_scorer(self, **settings: str) -> Iterator[Service]:
        """Run a scorer within the block, which begins once it is ready."""
        with self.scorer(**settings) as scorer:
            scorer.wait_until_ready()
            yield scorer

    def score(self, **settings: str) -> None:
        """Run a scorer until the group has committed all records that the input has now, then stop it."""
        with self.scorer(**settings) as scorer:
            self.wait_until_committed()
            scorer.stop()

    def score_until_killed(self, **settings: str) -> None:
        """Run a scorer until a failpoint kills it."""
        with self.scorer(**settings) as scorer:
            scorer.wait_until_killed()

    def service(self, module: str, *arguments: str, **settings: str) -> Service:
        """Start another service, or a command, on the same topics."""
        return Service(self.folder, module, self.settings | settings, *arguments)

    def mutant(self, name: str, **settings: str) -> Service:
        """Start a scorer with one of its rules removed; "none" is the scorer as it is."""
        return self.service("tests.faults.mutant", name, PYTHONPATH=str(_ROOT), **settings)

    def unprivileged(self, module: str, **settings: str) -> Service:
        """Start a service to which file modes apply, even when the tests run as root."""
        return self.service("tests.faults.unprivileged", module, PYTHONPATH=str(_ROOT), **settings)

    def send_payments(self, count: int, partitions: int | None = None) -> None:
        """Send that many valid payments, spread over the partitions."""
        spread = partitions or self.partitions
        self.send([Message(payment(number + 1), partition=number % spread) for number in range(count)])

    def send_and_wait(self, count: int, partitions: int | None = None) -> None:
        """Send that many valid payments, and wait until the group has committed all records."""
        self.send_payments(count, partitions)
        self.wait_until_committed()

    def wait_until_committed(self, timeout_s: float = 90) -> None:
        """Wait until the group has committed all records that the input has now."""
        self.wait_for_positions(offsets.ends(self.bootstrap, self.settings["INPUT_TOPIC"]), timeout_s)

    def wait_until_drained(self) -> None:
        """Wait until there are as many rows and dead letters as input records."""
        wait_until_drained(self.csv, self.bootstrap, self.settings)

    def wait_for_positions(self, wanted: Mapping[int, int], timeout_s: float = 60) -> None:
        """Wait until the group has committed these offsets, by partition, or later ones."""

        def reached() -> bool:
            positions = self.positions()
            return all(positions.get(partition, 0) >= offset for partition, offset in wanted.items())

        wait_until(reached, timeout_s, f"committed: {dict(wanted)}")

    def positions(self) -> dict[int, int]:
        """Return the group's committed offsets of the input, by partition."""
        return offsets.committed(self.bootstrap, self.group, self.settings["INPUT_TOPIC"])

    def reset(self, positions: Mapping[int, int]) -> None:
        """Commit these offsets for the group, which must have no members."""
        asyncio.run(commit(self.bootstrap, self.group, self.settings["INPUT_TOPIC"], positions))

    def committed(self) -> int:
        """Return the number of records that the group has committed."""
        return sum(offset for offset in self.positions().values() if offset > 0)

    def send_payments_in_transaction(
        self, count: int, *, commit: bool, partition: int | None = None, topic: str = "INPUT_TOPIC"
    ) -> None:
        """Send payments as a transactional producer does, and end its transaction."""
        place = self.settings[topic], partition
        asyncio.run(_in_transaction(self.bootstrap, place, count, commit=commit))

    @contextmanager
    def open_transaction(self, count: int, topic: str = "INPUT_TOPIC") -> Iterator[None]:
        """Hold a transaction open on every partition of the input, or of another topic, within the block.

        It is aborted at the end, or by `end_transaction`.
        """
        begun, topic = Event(), self.settings[topic]
        with in_background(
            lambda over: asyncio.run(_hold_transaction(self.bootstrap, topic, count, begun, over))
        ) as over:
            self.end_transaction = over.set
            assert begun.wait(60)
            yield

    def aborted_records(self) -> int:
        """Return the number of scored records in aborted transactions."""
        topic = self.settings["SCORED_TOPIC"]
        return len(read_all(self.bootstrap, topic)) - len(read_all(self.bootstrap, topic, "read_committed"))

    def assert_each_once(self) -> int:
        """Assert that each record is decided exactly once; return the number of records."""
        return assert_each_once(self.csv, self.bootstrap, self.settings)

    def send(self, messages: "Iterable[Message]", topic: str = "INPUT_TOPIC", **options: Any) -> None:
        """Send to the input, or to another topic, as any producer may."""
        asyncio.run(_send(self.bootstrap, self.settings[topic], messages, options))


@dataclass
class Message:
    """A raw record."""

    value: bytes | None
    key: bytes | None = None
    partition: int = 0
    timestamp_ms: int | None = None
    headers: list[tuple[str, bytes]] = field(default_factory=list)


async def _send(bootstrap: str, topic: str, messages: Iterable[Message], options: dict[str, Any]) -> None:
    """Send all; in one transaction where `options` has a transactional id."""
    async with (
        AIOKafkaProducer(
            bootstrap_servers=bootstrap, acks="all", max_request_size=4 << 20, max_batch_size=64 << 10, **options
        ) as producer,
        producer.transaction() if "transactional_id" in options else nullcontext(),
    ):
        messages = list(messages)
        partitions = {one.partition for one in messages}
        async with asyncio.timeout(60):  # a broker that has just started may report only some of them
            while not partitions <= await producer.partitions_for(topic):
                await producer.client.force_metadata_update()
        waiting = []
        batches: dict[int, Any] = {}
        for message in messages:
            batch = batches.get(message.partition) or producer.create_batch()
            batches[message.partition] = batch
            place = {"timestamp": message.timestamp_ms, "key": message.key, "value": message.value}
            if batch.append(**place, headers=message.headers) is None:
                waiting.append(await producer.send_batch(batch, topic, partition=message.partition))
                batch = batches[message.partition] = producer.create_batch()
                batch.append(**place, headers=message.headers)
        for partition, batch in batches.items():
            waiting.append(await producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*waiting)


async def _in_transaction(bootstrap: str, place: tuple[str, int | None], count: int, *, commit: bool) -> None:
    topic, partition = place
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=f"{topic}-producer") as producer:
        await producer.begin_transaction()
        for number in range(count):
            await producer.send_and_wait(topic, payment(number + 1), partition=partition)
        await (producer.commit_transaction() if commit else producer.abort_transaction())


async def _hold_transaction(bootstrap: str, topic: str, count: int, begun: Event, over: Event) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap, transactional_id=f"{topic}-holder", transaction_timeout_ms=_HELD_MS
    ) as producer:
        await producer.begin_transaction()
        for partition in await producer.partitions_for(topic):
            for number in range(count):
                await producer.send_and_wait(topic, payment(number + 1), partition=partition)
        begun.set()
        await asyncio.to_thread(over.wait)
        await producer.abort_transaction()
