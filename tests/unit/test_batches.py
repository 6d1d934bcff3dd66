"""The batch that covers an offset: the meaning of a broker's answers without records."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from tests.batches import Sent, batch

from fraudstream.kafka.batches import never_a_record, serves_nothing_else

PLACE = TopicPartition("payments", 0)
BATCH, OTHER = (batch([Sent(1_000, b"k", b"v")], offset) for offset in (10, 20))


def answered(topics: object) -> Any:
    """Return the result for a consumer whose broker gives this answer to a fetch."""

    async def end_offsets(_: object) -> None:
        pass

    async def send(*_: object) -> object:
        return SimpleNamespace(topics=topics)

    client = SimpleNamespace(send=send, cluster=SimpleNamespace(leader_for_partition=lambda _: 0))
    return SimpleNamespace(end_offsets=end_offsets, _client=client)


def answer(error_code: int, data: bytes | None) -> Any:
    """Return the result for a fetch answer with this error code and data for the one partition."""
    return answered([("payments", [(0, error_code, 40, 40, [], data)])])


@pytest.mark.parametrize(
    ("error_code", "data", "nothing_else"),
    [
        (0, BATCH, True),
        (0, BATCH[:70], True),
        (0, BATCH + OTHER, True),
        (0, b"", True),
        (0, None, True),
        (2, b"", True),
        (1, b"", False),
        (0, OTHER, False),
    ],
)
def test_error_codes_after_a_batch(error_code: int, data: bytes | None, nothing_else: bool) -> None:
    """Error 2: the broker can't read its own file; 1: the offset is out of range."""
    assert asyncio.run(serves_nothing_else(answer(error_code, data), PLACE, 11, BATCH)) is nothing_else


@pytest.mark.parametrize("consumer", [answered([]), answer(6, b"")], ids=["a quota", "another leader"])
def test_a_broker_without_an_answer_is_retried_later(consumer: Any) -> None:
    """A missing answer does not describe the records; above a quota, the answer has no partitions."""
    with pytest.raises(KafkaError):
        asyncio.run(serves_nothing_else(consumer, PLACE, 11, BATCH))
    with pytest.raises(KafkaError):
        asyncio.run(never_a_record(consumer, PLACE, 11))
