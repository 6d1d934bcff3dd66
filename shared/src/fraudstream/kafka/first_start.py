"""Start offsets of a new group: committed for all partitions together, before any scorer has joined it."""

from collections.abc import Collection
from contextlib import AsyncExitStack
from typing import Literal

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from fraudstream.kafka.connection import client_options, stopped
from fraudstream.kafka.group_requests import GroupRequests
from fraudstream.kafka.producing import failed_producer, start, transactional, transactional_id
from fraudstream.kafka.rights import Rights
from fraudstream.runtime.failpoints import failpoint
from fraudstream.runtime.settings import KafkaSettings

Offsets = dict[TopicPartition, int]


async def commit_start(
    kafka: KafkaSettings,
    topic: str,
    group: str,
    partitions: int,
    *,
    latest: bool,
    guarantee: Literal["exactly_once", "at_least_once"],
) -> dict[int, int]:
    """Commit a new group's start offsets and return them; do nothing if the group has a committed offset.

    With exactly_once, they are committed in a transaction whose id is the same for the whole group: a process that was
    paused between its read and its commit is fenced by the next one that starts, so it can't move the group back.
    """
    places = [TopicPartition(topic, partition) for partition in range(partitions)]
    rights = Rights(
        kafka=kafka, topics={topic: ("Read",)}, group=group, transactional_ids=transactional_id(group, topic, "")
    )
    async with AsyncExitStack() as stack:
        stack.enter_context(rights.needed())
        stack.enter_context(failed_producer())
        consumer = AIOKafkaConsumer(
            **client_options(kafka), group_id=group, enable_auto_commit=False, auto_offset_reset="none"
        )
        stack.push_async_callback(stopped, consumer)
        await consumer.start()
        if guarantee == "at_least_once":
            starts = await _commit(consumer, places, latest=latest)
        else:
            identity = transactional(transactional_id(group, topic, "start"))
            producer = AIOKafkaProducer(**client_options(kafka), **identity)
            stack.push_async_callback(stopped, producer)
            await start(producer)
            requests = GroupRequests(producer.client, group, topic)
            starts = await _commit_in_transaction(producer, requests, consumer, places, group, latest=latest)
        return {place.partition: offset for place, offset in starts.items()}


async def _commit(consumer: AIOKafkaConsumer, places: Collection[TopicPartition], *, latest: bool) -> Offsets:
    consumer.assign(places)
    for place in places:
        if await consumer.committed(place) is not None:
            return {}
    starts = await _starts(consumer, places, latest=latest)
    await consumer.commit(starts)
    return starts


async def _commit_in_transaction(
    producer: AIOKafkaProducer,
    requests: GroupRequests,
    consumer: AIOKafkaConsumer,
    places: Collection[TopicPartition],
    group: str,
    *,
    latest: bool,
) -> Offsets:
    partitions = [place.partition for place in places]
    for stable in (False, True):  # offsets that are committed already need no wait for open transactions
        if any(one.offset is not None for one in (await requests.committed(partitions, stable=stable)).values()):
            return {}
    starts = await _starts(consumer, places, latest=latest)
    await producer.begin_transaction()
    offsets = {place: OffsetAndMetadata(offset, "") for place, offset in starts.items()}
    await producer.send_offsets_to_transaction(offsets, group)
    await producer.commit_transaction()
    await requests.committed(partitions)  # returns when they are visible to every other reader
    return starts


async def _starts(consumer: AIOKafkaConsumer, places: Collection[TopicPartition], *, latest: bool) -> Offsets:
    failpoint("start_read")
    starts: Offsets = await (consumer.end_offsets(places) if latest else consumer.beginning_offsets(places))
    return starts
