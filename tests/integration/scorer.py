"""A scorer's surroundings: topics, a small model, a folder for its outputs."""

import asyncio
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fraudstream import artifact
from fraudstream.model import Thresholds
from fraudstream.simulation import simulate
from tests.conftest import Names
from tests.integration.service import Service

READY = "partitions assigned"


@cache
def _classifier(strength: float) -> Any:
    payments = simulate(np.random.default_rng(1), 4_000)
    matrix = payments.matrix()
    labels = (matrix[:, 2] + 3 * matrix[:, 4] > 4).astype(np.int64)
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength)).fit(matrix, labels)


def save_model(folder: Path, strength: float = 1.0) -> artifact.Manifest:
    """Make a quick model the active one; another strength is another version."""
    return artifact.save(
        folder,
        _classifier(strength),
        kind="test",
        thresholds=Thresholds(review=0.1, block=0.5),
        training_sha256="a" * 64,
        training_rows=4_000,
        settings="test",
        metrics={},
    )


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

    @property
    def topics(self) -> list[str]:
        """Input, scored, dead letters."""
        return [self.settings[name] for name in ("INPUT_TOPIC", "SCORED_TOPIC", "DLQ_TOPIC")]

    def prepare(self) -> "Surroundings":
        """Make the topics and a model."""
        self.make_topics(dict.fromkeys(self.topics, self.partitions))
        save_model(self.folder / "models")
        return self

    def make_topics(self, partitions: dict[str, int]) -> None:
        """Make topics with these partition counts."""
        asyncio.run(_make(self.bootstrap, partitions))

    def scorer(self, **settings: str) -> Service:
        """Start a scorer; several share the work."""
        return Service(self.folder, "scorer", self.settings | settings)

    def send(self, messages: "Iterable[Message]", **options: Any) -> None:
        """Send to the input as any producer might."""
        asyncio.run(_send(self.bootstrap, self.settings["INPUT_TOPIC"], messages, options))


class Message:
    """A raw record."""

    def __init__(
        self,
        value: bytes | None,
        key: bytes | None = None,
        partition: int = 0,
        timestamp_ms: int | None = None,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> None:
        self.value = value
        self.key = key
        self.partition = partition
        self.timestamp_ms = timestamp_ms
        self.headers = headers or []


async def _make(bootstrap: str, partitions: dict[str, int]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        configs = {"max.message.bytes": str(2 << 20)}
        await admin.create_topics(
            [NewTopic(topic, count, 1, topic_configs=configs) for topic, count in partitions.items()]
        )
    finally:
        await admin.close()


async def _send(bootstrap: str, topic: str, messages: Iterable[Message], options: dict[str, Any]) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap, max_request_size=4 << 20, max_batch_size=64 << 10, **options
    ) as producer:
        await producer.partitions_for(topic)
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
