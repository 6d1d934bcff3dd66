"""Another program in a consumer group, as any client library creates one."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from fraudstream.kafka.consumer import ASSIGNOR

RANGE = RangePartitionAssignor
_JOINED_S = 40


class SameNameAssignor(StickyPartitionAssignor):
    """An assignor with the scorers' name: the group admits its members beside them."""

    name = ASSIGNOR


@contextmanager
def member(
    bootstrap: str, group: str, topic: str, assignor: type[AbstractPartitionAssignor], client_id: str = "other-program"
) -> Iterator[None]:
    """Join as a member subscribed to `topic` within the block, which begins once the member has partitions."""
    joined, over = threading.Event(), threading.Event()

    async def run() -> None:
        options = {"group_id": group, "client_id": client_id, "partition_assignment_strategy": [assignor]}
        async with AIOKafkaConsumer(
            topic, bootstrap_servers=bootstrap, enable_auto_commit=False, **options
        ) as consumer:
            while not over.is_set():
                await consumer.getmany(timeout_ms=200)
                if consumer.assignment():
                    joined.set()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        assert joined.wait(_JOINED_S)
        yield
    finally:
        over.set()
        thread.join(_JOINED_S)


async def commit(bootstrap: str, group: str, topic: str, partition: int, offset: int) -> None:
    """Commit an offset of the group without being its member; KafkaError if it is refused."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False) as consumer:
        place = TopicPartition(topic, partition)
        consumer.assign([place])
        await consumer.commit({place: offset})
