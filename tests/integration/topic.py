"""Records, partitions and configuration of a topic."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tests.integration.broker.deadline import wait_until
from tests.own_client import own_reading

_DEADLINE_S = 60


def read_all(bootstrap: str, topic: str, isolation: str = "read_uncommitted") -> list[ConsumerRecord[bytes, bytes]]:
    """Return every record that is in `topic` now, by partition in order."""
    with own_reading():
        return asyncio.run(_read_all(bootstrap, topic, isolation))


def create(bootstrap: str, topic: str, partitions: int = 3) -> None:
    """Create a topic with the broker's defaults."""
    asyncio.run(_create(bootstrap, topic, partitions))


def partition_counts(bootstrap: str, topics: Sequence[str]) -> list[int]:
    """Return the number of partitions of each of `topics`."""
    return asyncio.run(_partition_counts(bootstrap, topics))


def leaders(bootstrap: str, topic: str) -> dict[int, int]:
    """Return the id of the broker that leads each partition; -1 if there is no leader."""
    return asyncio.run(_leaders(bootstrap, topic))


def config(bootstrap: str, topic: str) -> Mapping[str, str]:
    """Return the configuration of `topic`, the broker's defaults included."""
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


async def _leaders(bootstrap: str, topic: str) -> dict[int, int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        (found,) = await admin.describe_topics([topic])
        return {entry["partition"]: entry["leader"] for entry in found["partitions"]}
    finally:
        await admin.close()


async def _config(bootstrap: str, topic: str) -> Mapping[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        responses: list[Any] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    finally:
        await admin.close()
    entries = responses[0].to_object()["resources"][0]["config_entries"]
    return {entry["config_names"]: entry["config_value"] for entry in entries}


def alter_config(bootstrap: str, topic: str, configs: Mapping[str, str]) -> None:
    """Change the configuration of `topic`."""
    wanted = ConfigResource(ConfigResourceType.TOPIC, topic, dict(configs))
    asyncio.run(_administer(bootstrap, lambda admin: admin.alter_configs([wanted])))


def add_partitions(bootstrap: str, topic: str, total: int) -> None:
    """Raise the partition count of `topic`."""
    asyncio.run(_administer(bootstrap, lambda admin: admin.create_partitions({topic: NewPartitions(total)})))


def delete_records(bootstrap: str, topic: str, before: Mapping[int, int]) -> None:
    """Delete the records before these offsets, as retention does."""
    wanted = {TopicPartition(topic, number): RecordsToDelete(offset) for number, offset in before.items()}
    asyncio.run(_administer(bootstrap, lambda admin: admin.delete_records(wanted)))


def delete_topic(bootstrap: str, topic: str) -> None:
    """Delete `topic`; return when it is gone."""
    asyncio.run(_administer(bootstrap, lambda admin: admin.delete_topics([topic])))
    wait_until(lambda: partition_counts(bootstrap, [topic]) == [0], 30, f"{topic} is deleted")


def reset_group(bootstrap: str, group: str, topic: str, positions: Mapping[int, int]) -> None:
    """Commit these offsets for a group that has no members."""
    asyncio.run(_reset_group(bootstrap, group, topic, positions))


async def _reset_group(bootstrap: str, group: str, topic: str, positions: Mapping[int, int]) -> None:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False) as consumer:
        wanted = {TopicPartition(topic, number): offset for number, offset in positions.items()}
        consumer.assign(list(wanted))
        await consumer.commit(wanted)


async def _administer(bootstrap: str, task: Callable[[AIOKafkaAdminClient], Awaitable[Any]]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await task(admin)
    finally:
        await admin.close()
