"""One idempotent producer, and the aiokafka internals needed to discard it when it fails."""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from fraudstream.kafka.connection import client_options
from fraudstream.kafka.limits import OutputLimits
from fraudstream.kafka.producing import end_sender, failed_producer, new_batch
from fraudstream.kafka.rights import Rights
from fraudstream.record import KeyedMessage
from fraudstream.runtime.settings import KafkaSettings

_BATCH_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The number of messages stored, and the first one's offset (-1: the broker no longer knows it)."""

    count: int
    offset: int


def _count(reported: Collection[int]) -> int:
    """Return the number of partitions, also where a broker that has just started omits some."""
    return max(reported, default=-1) + 1


class IdempotentProducer:
    """Producer of batches for one topic, with acks=all; after an error, it must be stopped and replaced."""

    def __init__(self, kafka: KafkaSettings, topic: str, limits: OutputLimits) -> None:
        self._topic = topic
        self._limits = limits
        self._rights = Rights(kafka=kafka, topics={topic: ("Write",)})
        self._producer = AIOKafkaProducer(**client_options(kafka), enable_idempotence=True, acks="all", linger_ms=0)

    async def start(self) -> None:
        """Connect and get a producer id; may block without limit."""
        with self._rights.needed():
            await self._producer.start()
        sender = self._producer._sender  # noqa: SLF001
        # aiokafka's own callback raises without a transaction
        sender.sender_task.remove_done_callback(sender._fail_all)  # noqa: SLF001
        sender.sender_task.add_done_callback(self._sender_ended)

    async def stop(self) -> None:
        """Disconnect. `send` raises for messages that are not acknowledged."""
        await end_sender(self._producer)
        self._fail_pending(ConnectionAbortedError("the producer was stopped"))
        await self._producer.stop()

    @property
    def producer_id(self) -> int:
        """The producer id that the broker has assigned: unique in its cluster, new at each start."""
        producer_id: int = self._producer._txn_manager.producer_id  # noqa: SLF001
        return producer_id

    async def partition_count(self) -> int:
        """Return the topic's number of partitions, waiting for the topic; raises UnknownTopicOrPartitionError."""
        with self._rights.needed():
            return _count(await self._producer.partitions_for(self._topic))

    def known_partition_count(self) -> int:
        """Return the topic's number of partitions in the client's metadata; 0 if unknown."""
        return _count(self._producer.client.cluster.partitions_for_topic(self._topic) or ())

    async def send(self, partition: int, messages: Iterable[KeyedMessage]) -> Acknowledged:
        """Send as many of *messages* as fit into one batch, in order; waits for an unavailable broker.

        Only one call at a time per partition.
        """
        batch = new_batch(self._producer, min(_BATCH_BYTES, self._limits.batch_bytes(self._topic)))
        for key, value, timestamp_ms in messages:
            if batch.append(timestamp=timestamp_ms, key=key, value=value) is None:
                break
        count = batch.record_count()
        with self._rights.needed(), failed_producer():
            stored = await (await self._producer.send_batch(batch, self._topic, partition=partition))
        return Acknowledged(count, stored.offset)

    def _sender_ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            # aiokafka reports its sender's errors as KafkaError, except while the sender is being cancelled
            self._fail_pending(error if isinstance(error, KafkaError) else KafkaError(repr(error)))

    def _fail_pending(self, error: BaseException) -> None:
        accumulator: Any = self._producer._message_accumulator  # noqa: SLF001
        queued = [batch for queue in accumulator._batches.values() for batch in queue]  # noqa: SLF001
        # `fail_all()` removes retried batches from `_pending_batches`, and raises if one is missing
        accumulator._pending_batches.update(batch for batch in queued if batch.retry_count)  # noqa: SLF001
        accumulator.fail_all(error)
        for batch in queued:
            # otherwise logged as an exception that was never retrieved
            if batch._drain_waiter.done():  # noqa: SLF001
                batch._drain_waiter.exception()  # noqa: SLF001
