"""The producer's payments while aiokafka's producer fails."""

import asyncio
import gc
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any
from unittest.mock import MagicMock

import pytest
from aiokafka.errors import NotLeaderForPartitionError, OutOfOrderSequenceNumber

from fraudstream.kafka.payment_sender import Delivery, PaymentSender, payment_sender
from fraudstream.record import KeyedMessage
from fraudstream.runtime.settings import KafkaSettings
from tests.conftest import Names
from tests.integration.topic import alter_config, create, read_all

pytestmark = pytest.mark.kafka4

Break = Callable[[Any], Awaitable[None]]
COUNT = 20_000


async def _transport_closed(producer: Any) -> None:
    """Raise uvloop's error, which ends aiokafka's sender task."""
    real = producer.client.send

    async def once(*_: object, **__: object) -> None:
        producer.client.send = real
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

    producer.client.send = once


async def _batch_expired(producer: Any) -> None:
    """Expire a batch, as with a leader unknown for too long, after it took its sequence numbers."""
    await _fail_one(producer, NotLeaderForPartitionError())


async def _sequence_broken(producer: Any) -> None:
    await _fail_one(producer, OutOfOrderSequenceNumber())


async def _fail_one(producer: Any, error: Exception) -> None:
    pending = producer._message_accumulator._pending_batches
    while not (in_flight := [batch for batch in pending if not batch.future.done()]):  # noqa: ASYNC110
        await asyncio.sleep(0)
    in_flight[0].failure(error)


async def _connection_lost(producer: Any) -> None:
    for connection in list(producer.client._conns.values()):
        connection.close()


def _messages(first: int, count: int) -> list[KeyedMessage]:
    return [KeyedMessage(b"%d" % number, b"%d" % number, 1_790_000_000_000) for number in range(first, first + count)]


async def _put(sender: PaymentSender, messages: list[KeyedMessage]) -> None:
    async with asyncio.timeout(60):
        while not await sender.has_room(1):
            pass
    sender.put(messages)


@asynccontextmanager
async def sending(
    bootstrap: str, topic: str, log: MagicMock, on_delivery: Callable[[Delivery], None] = print
) -> AsyncIterator[PaymentSender]:
    """Run a sender of payments within the block."""
    kafka, stop = KafkaSettings.from_env({"KAFKA_BOOTSTRAP_SERVERS": bootstrap}), asyncio.Event()
    async with payment_sender(kafka, topic, on_delivery=on_delivery, stop=stop, log=log) as sender:
        assert sender is not None
        yield sender


async def _send_all(bootstrap: str, topic: str, break_it: Break | None, log: MagicMock) -> list[Delivery]:
    deliveries: list[Delivery] = []
    errors: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    async with sending(bootstrap, topic, log, deliveries.append) as sender:
        for first in range(0, COUNT, 1_000):
            await _put(sender, _messages(first, 1_000))
            if first == COUNT // 2 and break_it:
                await break_it(sender._producer._producer)
            await asyncio.sleep(0)
        assert await sender.flush(60) == 0
    gc.collect()
    await asyncio.sleep(0)
    assert errors == []
    return deliveries


@pytest.mark.parametrize(
    "break_it",
    [None, _connection_lost, _transport_closed, _batch_expired, _sequence_broken],
    ids=lambda break_it: break_it.__name__.lstrip("_") if break_it else "nothing",
)
def test_nothing_is_lost(kafka_bootstrap: str, names: Names, break_it: Break | None) -> None:
    """All payments arrive in order, in their partitions; the failed producer is replaced without an error line."""
    topic, log = names("payments"), MagicMock()
    create(kafka_bootstrap, topic)
    deliveries = asyncio.run(_send_all(kafka_bootstrap, topic, break_it, log))
    records = read_all(kafka_bootstrap, topic)
    stored = {(record.partition, record.offset): record.value for record in records}
    told = {
        (delivery.partition, delivery.offset + index): message.value
        for delivery in deliveries
        for index, message in enumerate(delivery.messages)
    }
    assert sorted(int(value) for value in told.values() if value) == list(range(COUNT))
    assert all(stored[place] == value for place, value in told.items())
    partitions = defaultdict(list)
    for place, value in sorted(told.items()):
        partitions[place[0]].append(int(value or 0))
    assert all(earlier < later for values in partitions.values() for earlier, later in pairwise(values))
    replaced = sum(call.args[0] == "producer failed, starting a new one" for call in log.warning.call_args_list)
    assert replaced == (break_it not in (None, _connection_lost))
    if not replaced:
        assert len(records) == COUNT


def test_never_accepted(kafka_bootstrap: str, names: Names) -> None:
    """A message larger than the topic accepts is kept, and reported with the setting; it is sent once it fits."""
    topic, log = names("payments"), MagicMock()
    create(kafka_bootstrap, topic, 1)

    async def scenario() -> None:
        async with sending(kafka_bootstrap, topic, log) as sender:
            sender.put([KeyedMessage(b"1", bytes(2 << 20), 0)])
            async with asyncio.timeout(60):
                while not sender.refused:
                    await sender.flush(0.2)
            assert await sender.flush(4) == 1  # with a known refusal, no outage is logged
            reason = sender.refused
            assert reason == log.error.call_args.kwargs["reason"]
            assert f"{topic} refuses records (MESSAGE_SIZE_TOO_LARGE): max.message.bytes=1048588" in str(reason)
            await asyncio.to_thread(alter_config, kafka_bootstrap, topic, {"max.message.bytes": str(4 << 20)})
            assert await sender.flush(60) == 0
            assert sender.refused is None

    asyncio.run(scenario())
    assert log.error.call_count == 1
    assert [call.args[0] for call in log.info.call_args_list] == ["payments accepted again"]
    log.warning.assert_not_called()


def test_number(kafka_bootstrap: str, names: Names) -> None:
    """Each start has a number of its own."""
    topic = names("payments")
    create(kafka_bootstrap, topic, 1)

    async def scenario() -> int:
        async with sending(kafka_bootstrap, topic, MagicMock()) as sender:
            return sender.producer_number()

    numbers = [asyncio.run(scenario()) for _ in range(3)]
    assert len(set(numbers)) == 3
    assert min(numbers) >= 0
