"""Another program in a consumer group, as any client library creates one."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from fraudstream.kafka.consumer import ASSIGNOR
from tests.integration.background import in_background

RANGE = RangePartitionAssignor
_JOINED_S = 60


class SameNameAssignor(StickyPartitionAssignor):
    """An assignor with the scorers' name: the group admits its members beside them."""

    name = ASSIGNOR


@contextmanager
def member(
    bootstrap: str, group: str, topic: str, assignor: type[AbstractPartitionAssignor], client_id: str = "other-program"
) -> Iterator[None]:
    """Join as a member subscribed to `topic` within the block, which begins once the member has partitions."""
    joined = Event()

    async def run(over: Event) -> None:
        options = {"group_id": group, "client_id": client_id, "partition_assignment_strategy": [assignor]}
        async with AIOKafkaConsumer(
            topic, bootstrap_servers=bootstrap, enable_auto_commit=False, **options
        ) as consumer:
            while not over.is_set():
                await consumer.getmany(timeout_ms=200)
                if consumer.assignment():
                    joined.set()

    with in_background(lambda over: asyncio.run(run(over))):
        assert joined.wait(_JOINED_S)
        yield
