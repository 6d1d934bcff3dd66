"""What a topic holds, read from its beginning to its end."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

_DEADLINE_S = 60


def read_all(bootstrap: str, topic: str, isolation: str = "read_uncommitted") -> list[ConsumerRecord[bytes, bytes]]:
    """Every record that is in `topic` now, by partition in order."""
    return asyncio.run(_read_all(bootstrap, topic, isolation))


def create(bootstrap: str, topic: str, partitions: int = 3) -> None:
    """Make a topic with the broker's defaults."""
    asyncio.run(_create(bootstrap, topic, partitions))


def partition_counts(bootstrap: str, topics: Sequence[str]) -> list[int]:
    """The partitions of each of `topics`."""
    return asyncio.run(_partition_counts(bootstrap, topics))


def config(bootstrap: str, topic: str) -> Mapping[str, str]:
    """The configuration of `topic`, the broker's defaults included."""
    return asyncio.run(_config(bootstrap, topic))


async def _read_all(bootstrap: str, topic: str, isolation: str) -> list[ConsumerRecord[bytes, bytes]]:
    records: list[ConsumerRecord[bytes, bytes]] = []
    async with (
        asyncio.timeout(_DEADLINE_S),
        AIOKafkaConsumer(
            bootstrap_servers=bootstrap, auto_offset_reset="earliest", isolation_level=isolation
        ) as consumer,
    ):
        await consumer._client._wait_on_metadata(topic)
        places = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        while [place for place in places if await consumer.position(place) < ends[place]]:
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                records += batch
    return records


async def _create(bootstrap: str, topic: str, partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=partitions, replication_factor=1)])
    finally:
        await admin.close()


async def _partition_counts(bootstrap: str, topics: Sequence[str]) -> list[int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        counts = {entry["topic"]: len(entry["partitions"]) for entry in await admin.describe_topics()}
    finally:
        await admin.close()
    return [counts.get(topic, 0) for topic in topics]


async def _config(bootstrap: str, topic: str) -> Mapping[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        responses: list[Any] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    finally:
        await admin.close()
    entries = responses[0].to_object()["resources"][0]["config_entries"]
    return {entry["config_names"]: entry["config_value"] for entry in entries}
