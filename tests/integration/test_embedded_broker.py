"""The demo's broker, which does not end the wait of a fetch when records arrive."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer

from demo.broker import PARTITIONS, EmbeddedBroker
from fraudstream.kafka.cluster import admin_client, describe
from fraudstream.kafka.consumer import InputConsumer
from fraudstream.kafka.group_requests import Membership
from fraudstream.runtime.settings import KafkaSettings

_TOPIC = "payments"
_TIMEOUT_S = 60.0
_MOST_RECORDS = 1_000
_BEGUN_MS = 20
"""Time after which a fetch waits at the broker."""
_PAYMENTS = 5
_HALF_A_WAIT_S = 0.25


@pytest.fixture
def broker() -> EmbeddedBroker:
    """Provide a broker of its own."""
    return EmbeddedBroker()


async def _nothing() -> None:
    """Do nothing: no owner has to release a partition."""


@asynccontextmanager
async def _clients(address: str) -> AsyncIterator[tuple[InputConsumer, AIOKafkaProducer]]:
    """Yield a consumer that has joined its group, configured as the scorer configures it, and a producer."""
    kafka = KafkaSettings.from_env({"KAFKA_BOOTSTRAP_SERVERS": address})
    assigned = asyncio.Event()

    def ready(partitions: frozenset[int], _: Membership) -> None:
        consumer.resume(dict.fromkeys(partitions, 0))
        assigned.set()

    admin = admin_client(kafka)
    await admin.start()
    cluster = await describe(admin, (_TOPIC,))
    await admin.close()
    assert cluster.partitions[_TOPIC] == PARTITIONS
    consumer = InputConsumer(kafka, _TOPIC, "group", wakes_fetches=cluster.wakes_fetches)
    await consumer.start()
    try:
        consumer.join(assigned=ready, revoked=_nothing)
        async with AIOKafkaProducer(bootstrap_servers=address) as producer, asyncio.timeout(_TIMEOUT_S):
            while not assigned.is_set():
                assert await consumer.fetch(_BEGUN_MS, _MOST_RECORDS) == {}
            yield consumer, producer
    finally:
        await consumer.stop()


async def _delays_s(address: str) -> list[float]:
    """Return the times after which payments are read that are sent while a fetch waits at the broker."""
    delays, now = [], asyncio.get_running_loop().time
    async with _clients(address) as (consumer, producer):
        for _ in range(_PAYMENTS):
            assert await consumer.fetch(_BEGUN_MS, _MOST_RECORDS) == {}
            sent_s = now()
            await producer.send_and_wait(_TOPIC, b"payment", partition=0)
            while not await consumer.fetch(_BEGUN_MS, _MOST_RECORDS):
                pass
            delays.append(now() - sent_s)
    return delays


def test_a_payment_does_not_wait_for_the_end_of_a_fetch(broker: EmbeddedBroker) -> None:
    """A payment that arrives during a fetch is read before half of Kafka's usual wait has passed."""
    assert min(asyncio.run(_delays_s(broker.address))) < _HALF_A_WAIT_S
