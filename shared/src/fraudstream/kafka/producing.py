"""Functions common to all producers: options, batches of one partition, acknowledgements and errors."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from traceback import walk_tb

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    IllegalStateError,
    InvalidProducerEpoch,
    InvalidTransactionTimeout,
    InvalidTxnState,
    ProducerFenced,
)
from aiokafka.producer.message_accumulator import BatchBuilder

from fraudstream.errors import KafkaSetupError
from fraudstream.kafka.limits import OutputLimits
from fraudstream.kafka.refused_records import NEVER_ACCEPTED
from fraudstream.kafka.rights import NOT_ALLOWED
from fraudstream.record import Message, Place

TRANSACTION_TIMEOUT_S = 60
FENCED_ERRORS = (ProducerFenced, InvalidProducerEpoch)
_NO_TIMESTAMP = -1
_BATCH_BYTES = 512 << 10

_NO_LEADER = -1
_CHECK_EVERY_S = 0.5
_LAST_RESPONSES_S = 0.5

Acknowledgement = asyncio.Future[object]


def transactional(identity: str) -> dict[str, object]:
    """Return a producer's options to fence earlier producers with this identity, and end their open transaction."""
    return {"transactional_id": identity, "transaction_timeout_ms": 1_000 * TRANSACTION_TIMEOUT_S}


def transactional_id(group: str, topic: str, use: object) -> str:
    """Return the transactional id of a group's producer for a topic; *use* is a partition, or a command's name.

    The group's dashes are escaped: group `a` on topic `b-c` and group `a-b` on topic `c` would have the same ids, and
    fence each other.
    """
    return f"{group.replace('-', '%2D')}-{topic}-{use}"


@contextmanager
def failed_producer() -> Iterator[None]:
    """Raise IllegalStateError where aiokafka asserts that its producer has not failed, or that a partition exists.

    Both can happen between two calls. An AssertionError of any other module is a bug, and propagates.
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
    """Connect. Raises KafkaSetupError where the brokers do not allow the transaction timeout."""
    try:
        await producer.start()
    except InvalidTransactionTimeout as error:
        raise KafkaSetupError(
            f"the brokers refuse transactions of {TRANSACTION_TIMEOUT_S} s: transaction.max.timeout.ms "
            f"in each broker's configuration must be at least {1_000 * TRANSACTION_TIMEOUT_S}"
        ) from error


async def publish(
    producer: AIOKafkaProducer, limits: OutputLimits, messages: Mapping[Place, Sequence[Message]], timeout_s: float
) -> None:
    """Send to each topic and partition, and return when the brokers have acknowledged everything.

    Raises the error of the first one that failed: TopicRefusesError where a retry can't succeed.
    """
    failed = await deliver(producer, limits, messages, timeout_s)
    for error in failed.values():
        raise error


async def deliver(
    producer: AIOKafkaProducer,
    limits: OutputLimits,
    messages: Mapping[Place, Sequence[Message]],
    timeout_s: float,
    is_blocked: Callable[[], bool] = lambda: False,
) -> dict[Place, BaseException]:
    """Send to each topic and partition concurrently; return the error of each that failed.

    A rejected batch doesn't fail aiokafka's transaction, so each acknowledgement is awaited. The wait ends early when
    only partitions without a leader are left, or when *is_blocked* returns true.
    """
    tasks = {place: asyncio.ensure_future(_deliver(producer, limits, place, some)) for place, some in messages.items()}
    try:
        await _wait(producer, tasks, timeout_s, is_blocked)
        return with_cause({place: error for place, task in tasks.items() if (error := _error(task)) is not None})
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


async def _wait(
    producer: AIOKafkaProducer,
    tasks: Mapping[Place, asyncio.Future[None]],
    timeout_s: float,
    is_blocked: Callable[[], bool],
) -> None:
    """Wait up to *timeout_s* for the *tasks* that can still end."""
    deadline_s = asyncio.get_running_loop().time() + timeout_s
    waiting = dict(tasks)
    while waiting and asyncio.get_running_loop().time() < deadline_s:
        done, _ = await asyncio.wait(waiting.values(), timeout=_CHECK_EVERY_S)
        waiting = {place: task for place, task in waiting.items() if task not in done}
        if done:
            continue
        await asyncio.wait({producer.client.force_metadata_update()}, timeout=_CHECK_EVERY_S)
        if is_blocked() or not any(has_leader(producer, *place) for place in waiting):
            return


def with_cause(failed: Mapping[Place, BaseException]) -> dict[Place, BaseException]:
    """Return the errors, with a missing right in place of the errors that it caused.

    A broker adds all partitions of one request to a transaction or none, and then refuses batches of the others with
    InvalidTxnState.
    """
    cause = next((error for error in failed.values() if isinstance(error, NOT_ALLOWED)), None)
    if cause is None:
        return dict(failed)
    return {place: cause if isinstance(error, InvalidTxnState) else error for place, error in failed.items()}


def _error(task: asyncio.Future[None]) -> BaseException | None:
    return task.exception() if task.done() else TimeoutError("the brokers have not acknowledged in time")


def has_leader(producer: AIOKafkaProducer, topic: str, partition: int) -> bool:
    """Return whether the partition's leader is known."""
    return producer.client.cluster.leader_for_partition(TopicPartition(topic, partition)) not in (None, _NO_LEADER)


async def _deliver(producer: AIOKafkaProducer, limits: OutputLimits, place: Place, messages: Sequence[Message]) -> None:
    used = limits.of(place[0])
    try:
        await asyncio.gather(*await enqueue(producer, *place, messages, batch_bytes=used.batch_bytes))
    except NEVER_ACCEPTED as error:
        raise await limits.refused(used, error, messages) from error


async def end_sender(producer: AIOKafkaProducer) -> None:
    """Stop sending. aiokafka's sender, when cancelled, waits for its requests; cancelled again, it does not."""
    task = producer._sender.sender_task  # noqa: SLF001
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_LAST_RESPONSES_S)


async def enqueue(
    producer: AIOKafkaProducer,
    topic: str,
    partition: int,
    messages: Sequence[Message],
    *,
    batch_bytes: int = _BATCH_BYTES,
) -> list[Acknowledgement]:
    """Enqueue all messages, in order, in batches of up to *batch_bytes*; only a single message may be larger."""
    acknowledgements: list[Acknowledgement] = []
    batch = new_batch(producer, batch_bytes)
    alone = False
    for key, value, timestamp_ms, headers in messages:
        if alone or batch.append(timestamp=timestamp_ms, key=key, value=value, headers=headers) is None:
            acknowledgements.append(await _send(producer, batch, topic, partition))
            batch = new_batch(producer, batch_bytes)
            batch.append(timestamp=timestamp_ms, key=key, value=value, headers=headers)
        # aiokafka would give the second record's timestamp to a first record that has none
        alone = timestamp_ms == _NO_TIMESTAMP and batch.record_count() == 1
    if batch.record_count():
        acknowledgements.append(await _send(producer, batch, topic, partition))
    return acknowledgements


def new_batch(producer: AIOKafkaProducer, batch_bytes: int) -> BatchBuilder:
    """Return an empty batch of *producer*, full at *batch_bytes*, or 512 KiB if that is less.

    `producer.create_batch` has one size for all topics.
    """
    manager = producer._txn_manager  # noqa: SLF001
    transactional = manager is not None and manager.transactional_id is not None
    return BatchBuilder(min(batch_bytes, _BATCH_BYTES), 0, is_transactional=transactional)


async def _send(producer: AIOKafkaProducer, batch: BatchBuilder, topic: str, partition: int) -> Acknowledgement:
    acknowledgement: Acknowledgement = await producer.send_batch(batch, topic, partition=partition)
    # if a later batch can't be enqueued, this one's acknowledgement is never awaited
    acknowledgement.add_done_callback(lambda done: done.cancelled() or done.exception())
    return acknowledgement
