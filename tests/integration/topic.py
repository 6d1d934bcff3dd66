"""Records, partitions and configuration of a topic."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tests.integration.broker.deadline import wait_until
from tests.own_client import own_reading

_DEADLINE_S = 60

T = TypeVar("T")


@asynccontextmanager
async def administrator(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """Connect an admin client within the block."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


def administer(bootstrap: str, task: Callable[[AIOKafkaAdminClient], Awaitable[T]]) -> T:
    """Run a task of an admin client; return its result."""

    async def run() -> T:
        async with administrator(bootstrap) as admin:
            return await task(admin)

    return asyncio.run(run())


def read_all(bootstrap: str, topic: str, isolation: str = "read_uncommitted") -> list[ConsumerRecord[bytes, bytes]]:
    """Return every record that is in `topic` now, by partition in order."""
    with own_reading():
        return asyncio.run(_read_all(bootstrap, topic, isolation))


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


def create(bootstrap: str, topic: str, partitions: int = 3) -> None:
    """Create a topic with the broker's defaults."""
    new = NewTopic(topic, num_partitions=partitions, replication_factor=1)
    administer(bootstrap, lambda admin: admin.create_topics([new]))


def partition_counts(bootstrap: str, topics: Sequence[str]) -> list[int]:
    """Return the number of partitions of each of `topics`."""
    entries: Any = administer(bootstrap, lambda admin: admin.describe_topics())
    counts = {entry["topic"]: len(entry["partitions"]) for entry in entries}
    return [counts.get(topic, 0) for topic in topics]


def leaders(bootstrap: str, topic: str) -> dict[int, int]:
    """Return the id of the broker that leads each partition; -1 if there is no leader."""
    (found,) = administer(bootstrap, lambda admin: admin.describe_topics([topic]))
    return {entry["partition"]: entry["leader"] for entry in found["partitions"]}


def config(bootstrap: str, topic: str) -> Mapping[str, str]:
    """Return the configuration of `topic`, the broker's defaults included."""
    wanted = ConfigResource(ConfigResourceType.TOPIC, topic)
    responses: Any = administer(bootstrap, lambda admin: admin.describe_configs([wanted]))
    entries = responses[0].to_object()["resources"][0]["config_entries"]
    return {entry["config_names"]: entry["config_value"] for entry in entries}


def alter_config(bootstrap: str, topic: str, configs: Mapping[str, str]) -> None:
    """Change the configuration of `topic`."""
    wanted = ConfigResource(ConfigResourceType.TOPIC, topic, dict(configs))
    administer(bootstrap, lambda admin: admin.alter_configs([wanted]))


def add_partitions(bootstrap: str, topic: str, total: int) -> None:
    """Raise the partition count of `topic`."""
    administer(bootstrap, lambda admin: admin.create_partitions({topic: NewPartitions(total)}))


def delete_records(bootstrap: str, topic: str, before: Mapping[int, int]) -> None:
    """Delete the records before these offsets, as retention does."""
    wanted = {TopicPartition(topic, number): RecordsToDelete(offset) for number, offset in before.items()}
    administer(bootstrap, lambda admin: admin.delete_records(wanted))


def delete_topic(bootstrap: str, topic: str) -> None:
    """Delete `topic`; return when it is gone."""
    administer(bootstrap, lambda admin: admin.delete_topics([topic]))
    wait_until(lambda: partition_counts(bootstrap, [topic]) == [0], 60, f"{topic} is deleted")


async def commit(bootstrap: str, group: str, topic: str, offsets: Mapping[int, int]) -> None:
    """Commit offsets of the group without being its member; KafkaError if they are refused."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False) as consumer:
        wanted = {TopicPartition(topic, number): offset for number, offset in offsets.items()}
        consumer.assign(list(wanted))
        await consumer.commit(wanted)
