"""aiokafka's idempotent producer for the payments of one topic, and its errors as text for a user."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from aiokafka import AIOKafkaProducer

from fraudstream.kafka.connection import BROKEN, client_options
from fraudstream.kafka.limits import OutputLimits
from fraudstream.kafka.producing import end_sender, failed_producer, new_batch
from fraudstream.kafka.refused_records import NEVER_ACCEPTED, TopicLimits
from fraudstream.kafka.rights import Rights
from fraudstream.record import KeyedMessage
from fraudstream.runtime.settings import KafkaSettings

_BATCH_BYTES = 256 << 10
# a broker accepts connections before its controller has sent it the topics
_TOPIC_APPEARS_S = 15.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages sent to a partition, the limits of its topic, and the response of the broker."""

    messages: list[KeyedMessage]
    limits: TopicLimits
    stored: asyncio.Future[Any]


class PaymentProducer:
    """Producer that reports missing rights, and discards unacknowledged batches when it stops."""

    def __init__(self, kafka: KafkaSettings, topic: str, limits: OutputLimits) -> None:
        self._topic = topic
        self._limits = limits
        self._rights = Rights(kafka=kafka, topics={topic: ("Write",)})
        options = client_options(kafka)
        self._producer: Any = AIOKafkaProducer(**options, enable_idempotence=True, acks="all", linger_ms=0)

    async def start(self) -> None:
        """Connect and get a producer id; may block without limit."""
        with self._rights.needed():
            await self._producer.start()
        # aiokafka's own callback raises without a transaction
        self.sending.remove_done_callback(self._producer._sender._fail_all)  # noqa: SLF001

    async def end(self) -> None:
        """Send no further batch; the last responses arrive within half a second."""
        await end_sender(self._producer)

    async def stop(self) -> None:
        """Disconnect."""
        await self.end()
        accumulator = self._producer._message_accumulator  # noqa: SLF001
        # otherwise aiokafka waits for their acknowledgements
        accumulator._batches.clear()  # noqa: SLF001
        accumulator._pending_batches.clear()  # noqa: SLF001
        await self._producer.stop()

    @property
    def sending(self) -> "asyncio.Task[None]":
        """The client's task that sends the batches; it ends with an error where the client can't continue."""
        task: asyncio.Task[None] = self._producer._sender.sender_task  # noqa: SLF001
        return task

    @property
    def producer_id(self) -> int:
        """The producer id that the broker has assigned: unique in its cluster, also over time."""
        number: int = self._producer._txn_manager.producer_id  # noqa: SLF001
        return number

    async def find_topic(self) -> bool:
        """Wait up to 15 s for the topic's partitions; return whether they are known."""
        with suppress(*BROKEN), self._rights.needed():
            return bool(await asyncio.wait_for(self._producer.partitions_for(self._topic), _TOPIC_APPEARS_S))
        return False

    def partition_count(self) -> int:
        """Return the latest known number of the topic's partitions; 0 if unknown."""
        return max(self._producer.client.cluster.partitions_for_topic(self._topic) or (), default=-1) + 1

    async def begin(self, partition: int, messages: Iterable[KeyedMessage]) -> Batch:
        """Send as many of *messages* as fit into one batch, in order. Only one batch at a time per partition."""
        limits = self._limits.of(self._topic)
        batch = new_batch(self._producer, min(_BATCH_BYTES, limits.batch_bytes))
        sent = list(
            takewhile(lambda one: batch.append(timestamp=one.timestamp_ms, key=one.key, value=one.value), messages)
        )
        with self._rights.needed(), failed_producer():
            return Batch(sent, limits, await self._producer.send_batch(batch, self._topic, partition=partition))

    async def result(self, batch: Batch) -> int:
        """Return the first offset of a batch with a response. Raises TopicRefusesError where a retry can't succeed."""
        try:
            with self._rights.needed():
                offset: int = batch.stored.result().offset
        except NEVER_ACCEPTED as error:
            raise await self._limits.refused(batch.limits, error, [(*one, []) for one in batch.messages]) from error
        return offset
