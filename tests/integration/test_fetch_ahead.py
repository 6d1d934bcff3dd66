"""Records that arrive during a cycle are in the next one, of any partition; which partitions have an answer."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer

from fraudstream.kafka.consumer import InputConsumer
from fraudstream.kafka.group_requests import Membership
from fraudstream.record import Record
from fraudstream.runtime.settings import KafkaSettings
from tests.conftest import Names
from tests.integration.topic import create

pytestmark = pytest.mark.kafka4
_PARTITIONS = 3
_TIMEOUT_S = 60.0
_MOST_RECORDS = 1_000


async def _nothing() -> None:
    """Do nothing: no owner has to release a partition."""


@asynccontextmanager
async def _joined(bootstrap: str, topic: str, group: str) -> AsyncIterator[InputConsumer]:
    """Yield a consumer that all partitions have just been assigned to, from offset 0 on."""
    assigned = asyncio.Event()

    def ready(partitions: frozenset[int], _: Membership) -> None:
        consumer.resume(dict.fromkeys(partitions, 0))
        assigned.set()

    consumer = InputConsumer(KafkaSettings.from_env({"KAFKA_BOOTSTRAP_SERVERS": bootstrap}), topic, group)
    await consumer.start()
    consumer.join(assigned=ready, revoked=_nothing)
    try:
        await asyncio.wait_for(assigned.wait(), _TIMEOUT_S)
        yield consumer
    finally:
        await consumer.stop()


async def _cycles(bootstrap: str, topic: str, group: str) -> list[dict[int, list[bytes | None]]]:
    """Return the records of three cycles: one sent before the first, one in each partition during it."""
    found = list[Mapping[int, Sequence[Record]]]()

    async def cycle(consumer: InputConsumer) -> None:
        async with asyncio.timeout(_TIMEOUT_S):
            while not (records := await consumer.fetch(200, _MOST_RECORDS)):
                pass
        found.append(records)

    async with _joined(bootstrap, topic, group) as consumer, AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await producer.send_and_wait(topic, b"first", partition=0)
        await cycle(consumer)
        for ahead in (False, True):
            for partition in range(_PARTITIONS):
                await producer.send_and_wait(topic, b"meanwhile", partition=partition)
            if ahead:
                consumer.fetch_ahead()
            await cycle(consumer)
    return [{partition: [one.value for one in records] for partition, records in each.items()} for each in found]


async def _answers(bootstrap: str, topic: str, group: str) -> list[bool]:
    """Return whether a consumer has an answer: on its assignment, after a while, when resumed, and a while later."""
    found, every = list[bool](), range(_PARTITIONS)
    async with _joined(bootstrap, topic, group) as consumer:
        for _ in range(2):
            found.append(consumer.has_answer(every))
            async with asyncio.timeout(_TIMEOUT_S):
                while not consumer.has_answer(every):
                    assert not await consumer.fetch(200, _MOST_RECORDS)
            found.append(consumer.has_answer(every))
            consumer.pause([1])
            consumer.resume({1: 0})
    return found


def test_an_empty_topic_answers_too(kafka_bootstrap: str, names: Names) -> None:
    """A partition without records has an answer soon after it is resumed, and not before."""
    topic, group = names("payments"), names("group")
    create(kafka_bootstrap, topic, _PARTITIONS)
    assert asyncio.run(_answers(kafka_bootstrap, topic, group)) == [False, True, False, True]


def test_a_cycle_gets_all_that_came_during_the_last_one(kafka_bootstrap: str, names: Names) -> None:
    """Each cycle is one fetch of all records: aiokafka alone fetches the first, and no more until it is taken."""
    topic, group = names("payments"), names("group")
    create(kafka_bootstrap, topic, _PARTITIONS)
    found = asyncio.run(_cycles(kafka_bootstrap, topic, group))
    every = {partition: [b"meanwhile"] for partition in range(_PARTITIONS)}
    assert found == [{0: [b"first"]}, every, every]
