"""One idempotent producer, and the few of aiokafka's internals that are needed to let it go when it fails."""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from fraudstream.kafka.connection import client_options
from fraudstream.kafka.limits import OutputLimits
from fraudstream.kafka.partitioning import KeyedMessage
from fraudstream.kafka.producing import end_sender, failed_producer, new_batch
from fraudstream.kafka.rights import Rights
from fraudstream.settings import KafkaSettings

_BATCH_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """How many messages of those given are stored, and the first one's offset (-1: the broker has forgotten it)."""

    count: int
    offset: int


def _count(reported: Collection[int]) -> int:
    """The number of partitions; a broker that has just started may leave out some of them."""
    return max(reported, default=-1) + 1


class IdempotentProducer:
    """Sends batches to one topic, acknowledged by all replicas; once it has raised, it must be stopped and replaced."""

    def __init__(self, kafka: KafkaSettings, topic: str, limits: OutputLimits) -> None:
        self._topic = topic
        self._limits = limits
        self._rights = Rights(kafka=kafka, topics={topic: ("Write",)})
        self._producer = AIOKafkaProducer(**client_options(kafka), enable_idempotence=True, acks="all", linger_ms=0)

    async def start(self) -> None:
        """Connect and get a producer id; may go on for ever."""
        with self._rights.needed():
            await self._producer.start()
        sender = self._producer._sender  # noqa: SLF001
        # aiokafka's own callback fails by itself where there is no transaction
        sender.sender_task.remove_done_callback(sender._fail_all)  # noqa: SLF001
        sender.sender_task.add_done_callback(self._sender_ended)

    async def stop(self) -> None:
        """Disconnect. What is not acknowledged is given up: its `send` raises."""
        await end_sender(self._producer)
        self._fail_pending(ConnectionAbortedError("the producer was stopped"))
        await self._producer.stop()

    @property
    def number(self) -> int:
        """The producer id that the broker has assigned: unique in its cluster, new at each start."""
        number: int = self._producer._txn_manager.producer_id  # noqa: SLF001
        return number

    async def partition_count(self) -> int:
        """The topic's partitions, waiting for it to exist; raises UnknownTopicOrPartitionError in the end."""
        with self._rights.needed():
            return _count(await self._producer.partitions_for(self._topic))

    def known_partition_count(self) -> int:
        """The same as far as known, 0 if not."""
        return _count(self._producer.client.cluster.partitions_for_topic(self._topic) or ())

    async def send(self, partition: int, messages: Iterable[KeyedMessage]) -> Acknowledged:
        """Send as many of `messages` as fit into one batch, in order; waits for a broker that is away.

        One call at a time for a partition.
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
        # a batch on its way to a second try, when failed, wants to be taken off a list that it is not on
        accumulator._pending_batches.update(batch for batch in queued if batch.retry_count)  # noqa: SLF001
        accumulator.fail_all(error)
        for batch in queued:
            # else reported as never retrieved
            if batch._drain_waiter.done():  # noqa: SLF001
                batch._drain_waiter.exception()  # noqa: SLF001
