"""The producer's way to Kafka: what is put in arrives, at least once and in order, whatever becomes of the broker."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from aiokafka import errors

from fraudstream.errors import KafkaSetupError
from fraudstream.kafka.connection import BROKEN, REFUSED, Log, quiet_client, started, stopped, unless_stopped
from fraudstream.kafka.idempotence import Acknowledged, IdempotentProducer
from fraudstream.kafka.outage import Outage
from fraudstream.kafka.partitioning import KeyedMessage, partitions_of
from fraudstream.settings import KafkaSettings

_MOST_WAITING = 50_000
_MOST_IN_A_BATCH = 4_000
_TOPIC_APPEARS_S = 15.0
_LONGEST_PAUSE_S = 2.0
_NEVER_ACCEPTED = (*REFUSED, errors.MessageSizeTooLargeError, errors.RecordListTooLargeError, errors.InvalidTopicError)


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
        link = _Link(kafka, topic, log)
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
        finally:
            await link.close()


class PaymentSender:
    """Keeps each message until the brokers have it; has no room while they are away or too many messages wait."""

    def __init__(
        self,
        link: "_Link",
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
        self._outage = Outage(log, self._changed)
        self._room, self._empty = asyncio.Event(), asyncio.Event()
        self._changed()

    def producer_number(self) -> int:
        """The broker's number for this producer: no other one of this cluster had or will have it."""
        return self._link.producer.number

    @property
    def is_away(self) -> bool:
        """Whether the brokers have acknowledged nothing for a while, though something waits."""
        return self._outage.is_on

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
            done = await self._link.send(partition, lambda: islice(queue, _MOST_IN_A_BATCH))
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


class _Link:
    """The current producer; a failed one is replaced, and what it had not delivered is sent again."""

    producer: IdempotentProducer

    def __init__(self, kafka: KafkaSettings, topic: str, log: Log) -> None:
        self._kafka = kafka
        self._topic = topic
        self._log = log
        self._replacing = asyncio.Lock()
        self._pause_s = 0.0
        self._partition_count = 0

    async def open(self, stop: asyncio.Event) -> bool:
        producer = await self._started(stop)
        if producer is None:
            return False
        self.producer = producer
        count = None
        try:
            count = await unless_stopped(producer.partition_count(), stop, _TOPIC_APPEARS_S)
        except REFUSED as error:
            raise KafkaSetupError(f"Kafka refuses this client: {error!r}") from error
        except (TimeoutError, errors.UnknownTopicOrPartitionError):
            raise KafkaSetupError(f"no such topic: {self._topic}; make it with: fraudstream topics") from None
        finally:
            if count is None:
                await stopped(producer)
        self._partition_count = count or 0
        return count is not None

    async def close(self) -> None:
        await stopped(self.producer)

    def partition_count(self) -> int:
        self._partition_count = self.producer.known_partition_count() or self._partition_count
        return self._partition_count

    async def send(self, partition: int, messages: Callable[[], Iterable[KeyedMessage]]) -> Acknowledged:
        """Send a batch from the beginning of `messages`, with as many producers and as much time as it takes."""
        while True:
            producer = self.producer
            try:
                done = await producer.send(partition, messages())
            except _NEVER_ACCEPTED as error:
                raise KafkaSetupError(f"Kafka does not accept payments in {self._topic}: {error!r}") from error
            except BROKEN as error:
                await self._replace(producer, error)
            else:
                self._pause_s = 0.0
                return done

    async def _replace(self, failed: IdempotentProducer, error: Exception) -> None:
        async with self._replacing:
            if self.producer is not failed:
                return
            self._log.warning("producer failed, starting another", reason=repr(error))
            await stopped(failed)
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(2 * self._pause_s + 0.1, _LONGEST_PAUSE_S)
            self.producer = await self._started(asyncio.Event()) or failed

    async def _started(self, stop: asyncio.Event) -> IdempotentProducer | None:
        bootstrap = self._kafka.bootstrap_servers
        return await started(lambda: IdempotentProducer(self._kafka, self._topic), stop, self._log, bootstrap=bootstrap)


async def _within(event: asyncio.Event, timeout_s: float) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), timeout_s)
    return event.is_set()


def _set(event: asyncio.Event, value: bool) -> None:
    if value:
        event.set()
    else:
        event.clear()
