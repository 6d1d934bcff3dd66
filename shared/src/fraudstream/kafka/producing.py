"""What producers share: options, how messages become batches of one partition, and what a refusal means."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from traceback import walk_tb

from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalStateError, InvalidProducerEpoch, InvalidTransactionTimeout, ProducerFenced
from aiokafka.producer.message_accumulator import BatchBuilder

from fraudstream.errors import KafkaSetupError
from fraudstream.kafka.limits import OutputLimits
from fraudstream.kafka.refused_records import NEVER_ACCEPTED
from fraudstream.rows import Message

TRANSACTION_TIMEOUT_S = 60
FENCED_ERRORS = (ProducerFenced, InvalidProducerEpoch)
_NO_TIMESTAMP = -1
_BATCH_BYTES = 512 << 10

Acknowledgement = asyncio.Future[object]


def transactional(identity: str) -> dict[str, object]:
    """A producer's options by which it fences whoever had this identity before, and ends their open transaction."""
    return {"transactional_id": identity, "transaction_timeout_ms": 1_000 * TRANSACTION_TIMEOUT_S}


def transactional_id(group: str, topic: str, use: object) -> str:
    """Return the id of a group's writer for a topic; `use` is a partition, or a command's name.

    The group's dashes are escaped: group `a` on topic `b-c` and group `a-b` on topic `c` would have the same ids, and
    fence each other.
    """
    return f"{group.replace('-', '%2D')}-{topic}-{use}"


@contextmanager
def failed_producer() -> Iterator[None]:
    """Raise IllegalStateError where aiokafka asserts that its producer has not failed, or that a partition is there.

    Both can happen between two calls. An assertion of any other module is a bug, and stays what it is.
    """
    try:
        yield
    except AssertionError as error:
        if not _is_of_client(error):
            raise
        raise IllegalStateError(str(error) or "the producer has failed") from error


def _is_of_client(error: AssertionError) -> bool:
    *_, (frame, _) = walk_tb(error.__traceback__)
    return str(frame.f_globals.get("__name__", "")).startswith("aiokafka.")


async def start(producer: AIOKafkaProducer) -> None:
    """Connect. Raises KafkaSetupError where the brokers do not allow a transaction's timeout."""
    try:
        await producer.start()
    except InvalidTransactionTimeout as error:
        raise KafkaSetupError(
            f"the brokers refuse transactions of {TRANSACTION_TIMEOUT_S} s: transaction.max.timeout.ms "
            f"in each broker's configuration must be at least {1_000 * TRANSACTION_TIMEOUT_S}"
        ) from error


async def publish(
    producer: AIOKafkaProducer, limits: OutputLimits, messages: Mapping[tuple[str, int], Sequence[Message]]
) -> None:
    """Send to each topic and partition, and return when the brokers have all of it.

    A rejected batch doesn't poison aiokafka's transaction, so each acknowledgement is awaited. Raises TopicRefusesError
    where sending the same again is no use.
    """
    used = {topic: limits.of(topic) for topic, _ in messages}
    sent = {
        place: await enqueue(producer, *place, some, batch_bytes=used[place[0]].batch_bytes)
        for place, some in messages.items()
    }
    for (topic, partition), acknowledgements in sent.items():
        try:
            await asyncio.gather(*acknowledgements)
        except NEVER_ACCEPTED as error:
            raise await limits.refused(used[topic], error, messages[topic, partition]) from error


async def enqueue(
    producer: AIOKafkaProducer,
    topic: str,
    partition: int,
    messages: Sequence[Message],
    *,
    batch_bytes: int = _BATCH_BYTES,
) -> list[Acknowledgement]:
    """Hand all messages over, in order, in batches of up to *batch_bytes*; only a single message may be larger."""
    acknowledgements: list[Acknowledgement] = []
    batch = new_batch(producer, batch_bytes)
    alone = False
    for key, value, timestamp_ms, headers in messages:
        if alone or batch.append(timestamp=timestamp_ms, key=key, value=value, headers=headers) is None:
            acknowledgements.append(await _send(producer, batch, topic, partition))
            batch = new_batch(producer, batch_bytes)
            batch.append(timestamp=timestamp_ms, key=key, value=value, headers=headers)
        # aiokafka would give a batch's first record, if it has no timestamp, the second one's
        alone = timestamp_ms == _NO_TIMESTAMP and batch.record_count() == 1
    if batch.record_count():
        acknowledgements.append(await _send(producer, batch, topic, partition))
    return acknowledgements


def new_batch(producer: AIOKafkaProducer, batch_bytes: int) -> BatchBuilder:
    """Return an empty batch of *producer*, closed when it has *batch_bytes*, or 512 KiB.

    `producer.create_batch` knows one size for all topics.
    """
    manager = producer._txn_manager  # noqa: SLF001
    transactional = manager is not None and manager.transactional_id is not None
    return BatchBuilder(min(batch_bytes, _BATCH_BYTES), 0, is_transactional=transactional)


async def _send(producer: AIOKafkaProducer, batch: BatchBuilder, topic: str, partition: int) -> Acknowledgement:
    acknowledgement: Acknowledgement = await producer.send_batch(batch, topic, partition=partition)
    # where a later batch can't even be enqueued, nobody awaits this one any more
    acknowledgement.add_done_callback(lambda done: done.cancelled() or done.exception())
    return acknowledgement
