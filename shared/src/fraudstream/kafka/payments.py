"""The producer's payment sender: each message is delivered at least once, in order, across broker failures."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from fraudstream.errors import FraudstreamError
from fraudstream.kafka.connection import Log, quiet_client
from fraudstream.kafka.outage import Outage
from fraudstream.kafka.partitioning import partitions_of
from fraudstream.kafka.producer_connection import ProducerConnection
from fraudstream.record import KeyedMessage
from fraudstream.runtime.settings import KafkaSettings

_MAX_WAITING = 50_000
_MAX_BATCH = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Messages acknowledged in one partition, from `offset` on (-1: stored, but the broker no longer knows where)."""

    partition: int
    offset: int
    messages: Sequence[KeyedMessage]


OnDelivery = Callable[[Delivery], None]


@asynccontextmanager
async def payment_sender(
    kafka: KafkaSettings, topic: str, *, on_delivery: OnDelivery, stop: asyncio.Event, log: Log
) -> AsyncIterator["PaymentSender | None"]:
    """Yield a connected sender, waiting for a broker; None if *stop* is set first. Call `flush` before leaving."""
    with quiet_client():
        connection = ProducerConnection(kafka, topic, log)
        if not await connection.open(stop):
            yield None
            return
        try:
            async with asyncio.TaskGroup() as tasks:
                sender = PaymentSender(connection, tasks.create_task, on_delivery, log)
                try:
                    yield sender
                finally:
                    sender.give_up()
        except BaseExceptionGroup as group:
            raise _unwrap(group) from None
        finally:
            await connection.close()


class PaymentSender:
    """Queue of messages until they are acknowledged; full while the brokers are unavailable or 50,000 are waiting."""

    def __init__(
        self,
        connection: ProducerConnection,
        spawn: Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"],
        on_delivery: OnDelivery,
        log: Log,
    ) -> None:
        self._connection = connection
        self._spawn = spawn
        self._on_delivery = on_delivery
        self._queues: dict[int, deque[KeyedMessage]] = {}
        self._filled: dict[int, asyncio.Event] = {}
        self._workers: list[asyncio.Task[None]] = []
        self._waiting = 0
        self._outage = Outage(log, self._update_events, explained=lambda: connection.refused)
        self._room, self._empty = asyncio.Event(), asyncio.Event()
        self._update_events()

    def producer_number(self) -> int:
        """Return the producer id: unique in its cluster, also over time."""
        return self._connection.producer.producer_id

    @property
    def kafka_unavailable(self) -> bool:
        """Whether the brokers have acknowledged nothing for 2 s while messages are waiting."""
        return self._outage.is_on

    @property
    def refused(self) -> str | None:
        """Why the topic refuses payments, as text for a user, who must change it; None if it accepts them."""
        return self._connection.refused

    @property
    def waiting(self) -> int:
        """The number of messages that are not acknowledged yet."""
        return self._waiting

    async def has_room(self, timeout_s: float) -> bool:
        """Return whether `put` may be called, after up to *timeout_s*; False while the brokers are unavailable."""
        return self._room.is_set() or await _wait(self._room, timeout_s)

    def put(self, messages: Sequence[KeyedMessage]) -> None:
        """Queue any number of messages, each for the partition of its key."""
        if not messages:
            return
        places = partitions_of([message.key for message in messages], self._connection.partition_count())
        for message, partition in zip(messages, places, strict=True):
            self._queue_of(partition).append(message)
        for partition in set(places):
            self._filled[partition].set()
        self._waiting += len(messages)
        self._outage.expect()
        self._update_events()

    async def flush(self, timeout_s: float) -> int:
        """Wait up to *timeout_s* until all messages are acknowledged; return how many are not."""
        if not any(worker.done() for worker in self._workers):
            await _wait(self._empty, timeout_s)
        return self._waiting

    def give_up(self) -> None:
        """Stop sending; messages that are still waiting are lost."""
        self._outage.end()
        for worker in self._workers:
            worker.cancel()

    def _queue_of(self, partition: int) -> deque[KeyedMessage]:
        if partition not in self._queues:
            self._queues[partition], self._filled[partition] = deque(), asyncio.Event()
            self._workers.append(self._spawn(self._work(partition)))
        return self._queues[partition]

    async def _work(self, partition: int) -> None:
        queue, filled = self._queues[partition], self._filled[partition]
        while True:
            await filled.wait()
            if partition >= self._connection.partition_count():
                self._route_again(partition)
                continue
            acknowledged = await self._connection.send(partition, list(islice(queue, _MAX_BATCH)))
            if acknowledged is None:
                continue
            messages = [queue.popleft() for _ in range(acknowledged.count)]
            if not queue:
                filled.clear()
            self._waiting -= acknowledged.count
            self._outage.over(more_expected=self._waiting > 0)
            self._update_events()
            self._on_delivery(Delivery(partition=partition, offset=acknowledged.offset, messages=messages))

    def _route_again(self, partition: int) -> None:
        """Queue a partition's messages again: the topic was re-created with fewer partitions."""
        messages = list(self._queues[partition])
        self._queues[partition].clear()
        self._filled[partition].clear()
        self._waiting -= len(messages)
        self.put(messages)

    def _update_events(self) -> None:
        _set(self._room, self._waiting < _MAX_WAITING and not self._outage.is_on)
        _set(self._empty, self._waiting == 0)


def _unwrap(error: BaseException) -> BaseException:
    """Return the first FraudstreamError in a task group's exception group; *error* itself if it has none."""
    if isinstance(error, BaseExceptionGroup) and (ours := error.subgroup(FraudstreamError)):
        return _unwrap(ours.exceptions[0])
    return error


async def _wait(event: asyncio.Event, timeout_s: float) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), timeout_s)
    return event.is_set()


def _set(event: asyncio.Event, value: bool) -> None:
    if value:
        event.set()
    else:
        event.clear()
