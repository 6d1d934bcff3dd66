"""What transactional producers share: their options, and how messages become batches of one partition."""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidProducerEpoch, ProducerFenced
from aiokafka.producer.message_accumulator import BatchBuilder

from fraudstream.rows import Message

TRANSACTION_TIMEOUT_S = 60
FENCED_ERRORS = (ProducerFenced, InvalidProducerEpoch)
_NO_TIMESTAMP = -1

Acknowledgement = asyncio.Future[object]


def transactional(identity: str) -> dict[str, object]:
    """A producer's options by which it fences whoever had this identity before, and ends their open transaction."""
    return {"transactional_id": identity, "transaction_timeout_ms": 1_000 * TRANSACTION_TIMEOUT_S}


async def enqueue(
    producer: AIOKafkaProducer, topic: str, partition: int, messages: Sequence[Message]
) -> list[Acknowledgement]:
    """Hand all messages over, in order; await each acknowledgement: a rejected batch doesn't poison a transaction."""
    acknowledgements: list[Acknowledgement] = []
    batch = producer.create_batch()
    alone = False
    for key, value, timestamp_ms, headers in messages:
        if alone or batch.append(timestamp=timestamp_ms, key=key, value=value, headers=headers) is None:
            acknowledgements.append(await _send(producer, batch, topic, partition))
            batch = producer.create_batch()
            batch.append(timestamp=timestamp_ms, key=key, value=value, headers=headers)
        # aiokafka would give a batch's first record, if it has no timestamp, the second one's
        alone = timestamp_ms == _NO_TIMESTAMP and batch.record_count() == 1
    if batch.record_count():
        acknowledgements.append(await _send(producer, batch, topic, partition))
    return acknowledgements


async def _send(producer: AIOKafkaProducer, batch: BatchBuilder, topic: str, partition: int) -> Acknowledgement:
    acknowledgement: Acknowledgement = await producer.send_batch(batch, topic, partition=partition)
    # where a later batch can't even be enqueued, nobody awaits this one any more
    acknowledgement.add_done_callback(lambda done: done.cancelled() or done.exception())
    return acknowledgement
