"""The producer's way to Kafka: what is put in arrives, at least once and in order, whatever becomes of the broker."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from fraudstream.errors import FraudstreamError
from fraudstream.kafka.connection import Log, quiet_client
from fraudstream.kafka.link import Link
from fraudstream.kafka.outage import Outage
from fraudstream.kafka.partitioning import partitions_of
from fraudstream.record import KeyedMessage
from fraudstream.runtime.settings import KafkaSettings

_MOST_WAITING = 50_000
_MOST_IN_A_BATCH = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Messages that the brokers have, in one partition from `offset` on (-1: stored, but the broker forgot where)."""

    partition: int
    offset: int
    messages: Sequence[KeyedMessage]


OnDelivery = Callable[[Delivery], None]


@asynccontextmanager
async def payment_sender(
    kafka: KafkaSettings, topic: str, *, on_delivery: OnDelivery, stop: asyncio.Event, log: Log
) -> AsyncIterator["PaymentSender | None"]:
    """A connected sender, once a broker is there; None if told to stop before. `flush` before leaving."""
    with quiet_client():
        link = Link(kafka, topic, log)
        if not await link.open(stop):
            yield None
            return
        try:
            async with asyncio.TaskGroup() as tasks:
                sender = PaymentSender(link, tasks.create_task, on_delivery, log)
                try:
                    yield sender
                finally:
                    sender.give_up()
        except BaseExceptionGroup as group:
            raise _plain(group) from None
        finally:
            await link.close()


class PaymentSender:
    """Keeps each message until the brokers have it; has no room while they are away or too many messages wait."""

    def __init__(
        self,
        link: Link,
        spawn: Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"],
        on_delivery: OnDelivery,
        log: Log,
    ) -> None:
        self._link = link
        self._spawn = spawn
        self._on_delivery = on_delivery
        self._queues: dict[int, deque[KeyedMessage]] = {}
        self._filled: dict[int, asyncio.Event] = {}
        self._workers: list[asyncio.Task[None]] = []
        self._waiting = 0
        self._outage = Outage(log, self._changed, explained=lambda: link.refused)
        self._room, self._empty = asyncio.Event(), asyncio.Event()
        self._changed()

    def producer_number(self) -> int:
        """The broker's number for this producer: no other one of this cluster had or will have it."""
        return self._link.producer.number

    @property
    def is_away(self) -> bool:
        """Whether the brokers have acknowledged nothing for a while, though something waits."""
        return self._outage.is_on

    @property
    def refused(self) -> str | None:
        """Why the topic accepts no payments, which a user must change; None where it does."""
        return self._link.refused

    @property
    def waiting(self) -> int:
        """How many messages the brokers don't have yet."""
        return self._waiting

    async def has_room(self, timeout_s: float) -> bool:
        """Whether more may be put in; waits for it up to `timeout_s`. Never while the brokers are away."""
        return self._room.is_set() or await _within(self._room, timeout_s)

    def put(self, messages: Sequence[KeyedMessage]) -> None:
        """Take messages over, of any number; each goes to the partition of its key."""
        if not messages:
            return
        places = partitions_of([message.key for message in messages], self._link.partition_count())
        for message, partition in zip(messages, places, strict=True):
            self._queue(partition).append(message)
        for partition in set(places):
            self._filled[partition].set()
        self._waiting += len(messages)
        self._outage.expect()
        self._changed()

    async def flush(self, timeout_s: float) -> int:
        """Wait until everything is with the brokers, up to `timeout_s`; returns how many messages are not."""
        if not any(worker.done() for worker in self._workers):
            await _within(self._empty, timeout_s)
        return self._waiting

    def give_up(self) -> None:
        """Try no longer to send what is left."""
        self._outage.end()
        for worker in self._workers:
            worker.cancel()

    def _queue(self, partition: int) -> deque[KeyedMessage]:
        if partition not in self._queues:
            self._queues[partition], self._filled[partition] = deque(), asyncio.Event()
            self._workers.append(self._spawn(self._work(partition)))
        return self._queues[partition]

    async def _work(self, partition: int) -> None:
        queue, filled = self._queues[partition], self._filled[partition]
        while True:
            await filled.wait()
            if partition >= self._link.partition_count():
                self._route_again(partition)
                continue
            done = await self._link.send(partition, list(islice(queue, _MOST_IN_A_BATCH)))
            if done is None:
                continue
            messages = [queue.popleft() for _ in range(done.count)]
            if not queue:
                filled.clear()
            self._waiting -= done.count
            self._outage.over(more_expected=self._waiting > 0)
            self._changed()
            self._on_delivery(Delivery(partition=partition, offset=done.offset, messages=messages))

    def _route_again(self, partition: int) -> None:
        """The topic was made again, with fewer partitions."""
        messages = list(self._queues[partition])
        self._queues[partition].clear()
        self._filled[partition].clear()
        self._waiting -= len(messages)
        self.put(messages)

    def _changed(self) -> None:
        _set(self._room, self._waiting < _MOST_WAITING and not self._outage.is_on)
        _set(self._empty, self._waiting == 0)


def _plain(error: BaseException) -> BaseException:
    """The error that a user can mend, out of task groups' wrapping; `error` itself if there is none."""
    if isinstance(error, BaseExceptionGroup) and (mendable := error.subgroup(FraudstreamError)):
        return _plain(mendable.exceptions[0])
    return error


async def _within(event: asyncio.Event, timeout_s: float) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), timeout_s)
    return event.is_set()


def _set(event: asyncio.Event, value: bool) -> None:
    if value:
        event.set()
    else:
        event.clear()
