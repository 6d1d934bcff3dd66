"""The producer's payment sender: a bounded queue in front of aiokafka's producer.

Each message is delivered at least once, in order within its partition. Batches not acknowledged when a producer
fails, for example after a broken connection, are sent again by the next one, and may then be stored twice.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

from fraudstream.errors import KafkaSetupError, TopicRefusesError
from fraudstream.kafka.attempts import attempts
from fraudstream.kafka.connection import BROKEN, Log, quiet_client, started, stopped, unless_stopped
from fraudstream.kafka.limits import OutputLimits, TopicsChangedError
from fraudstream.kafka.partitioning import partitions_of
from fraudstream.kafka.payment_producer import Batch, PaymentProducer
from fraudstream.kafka.refused_records import NEVER_ACCEPTED
from fraudstream.record import KeyedMessage
from fraudstream.runtime.own_command import own_command
from fraudstream.runtime.settings import KafkaSettings

_MAX_WAITING = 50_000
_SILENCE_S = 2.0
_LONGEST_PAUSE_S = 2.0
_CHECK_EVERY_S = 0.2
# a broker may report fewer partitions just after its start; aiokafka keeps its metadata for 15 s
_SETTLE_S = 20.0


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
    make = partial(PaymentProducer, kafka, topic, OutputLimits(kafka, (topic,)))
    start = partial(started, make, log=log, bootstrap=kafka.bootstrap_servers)
    with quiet_client():
        producer = await start(stop)
        if producer is None:
            yield None
            return
        sender = PaymentSender(producer, start, on_delivery, log)
        try:
            found = await unless_stopped(producer.find_topic(), stop)
            if found is False:
                raise KafkaSetupError(f"no such topic: {topic}; create it with: {own_command('topics')}")
            if found:
                sender.open()
            yield sender if found else None
        finally:
            await sender.close()


class PaymentSender:
    """Queue of messages until they are acknowledged; full while the brokers are unavailable or 50,000 are waiting."""

    def __init__(
        self,
        producer: PaymentProducer,
        start: Callable[[asyncio.Event], Awaitable[PaymentProducer | None]],
        on_delivery: OnDelivery,
        log: Log,
    ) -> None:
        self._producer = producer
        self._start = start
        self._on_delivery = on_delivery
        self._log = log
        self._queues: list[deque[KeyedMessage]] = []
        self._in_flight: dict[int, Batch] = {}
        self._refusals: dict[int, str] = {}
        self._sending: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._filled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answered = asyncio.Event()
        self._answered_s = 0.0
        self._outage_logged = False
        self._pause_s = 0.0
        self.waiting = 0
        """The number of messages that are not acknowledged yet."""

    def open(self) -> None:
        """Begin to send to the topic, which has been found."""
        self._open_queues(self._producer.partition_count())
        self._sending = asyncio.create_task(self._send())

    async def close(self) -> None:
        """Disconnect; messages that are still waiting are lost."""
        self._sending.cancel()
        await asyncio.gather(self._sending, return_exceptions=True)
        await stopped(self._producer)

    def producer_number(self) -> int:
        """Return the producer id: unique in its cluster, also over time."""
        return self._producer.producer_id

    @property
    def kafka_unavailable(self) -> bool:
        """Whether the brokers have acknowledged nothing for 2 s while messages are waiting."""
        return self.waiting > 0 and time.monotonic() - self._answered_s > _SILENCE_S

    @property
    def refused(self) -> str | None:
        """Why the topic refuses payments in one of its partitions, as text for a user; None if it accepts them."""
        return next(iter(self._refusals.values()), None)

    async def has_room(self, timeout_s: float) -> bool:
        """Return whether `put` may be called, after up to *timeout_s*; False while the brokers are unavailable."""
        return await self._reached(lambda: self.waiting < _MAX_WAITING and not self.kafka_unavailable, timeout_s)

    async def flush(self, timeout_s: float) -> int:
        """Wait up to *timeout_s* until all messages are acknowledged; return how many are not."""
        await self._reached(lambda: self.waiting == 0, timeout_s)
        return self.waiting

    def put(self, messages: Sequence[KeyedMessage]) -> None:
        """Queue any number of messages, each for the partition of its key."""
        if not self.waiting:
            self._answered_s = time.monotonic()
        self.waiting += len(messages)
        self._route(messages)
        if not self._filled.done():
            self._filled.set_result(None)

    def _route(self, messages: Sequence[KeyedMessage]) -> None:
        """Queue *messages* as Kafka's Java client chooses the partition."""
        partitions = partitions_of([message.key for message in messages], len(self._queues))
        for message, partition in zip(messages, partitions, strict=True):
            self._queues[partition].append(message)

    async def _reached(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait up to *timeout_s* for *condition*; log an outage. Raises the error that has ended `_send`."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + timeout_s
        while True:
            if self._sending.done():
                self._sending.result()
            self._log_outage()
            left_s = end_s - loop.time()
            if condition() or left_s <= 0:
                return condition()
            self._answered.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._answered.wait(), min(left_s, _CHECK_EVERY_S))

    def _log_outage(self) -> None:
        if self.kafka_unavailable and not self._outage_logged and not self.refused:
            self._outage_logged = True
            reason = attempts.final_refusal()
            details = {"reason": reason} if reason else {}
            self._log.warning("Kafka is unavailable: waiting, nothing is lost", **details)

    async def _send(self) -> None:
        """Send until cancelled; replace the producer when it fails. Raises where a user must act."""
        while True:
            try:
                self._open_queues(await self._send_with(self._producer))
            except (TopicRefusesError, TopicsChangedError) as error:
                self._log.debug("producer failed, starting a new one", reason=repr(error))
            except BROKEN as error:
                self._log.warning("producer failed, starting a new one", reason=repr(error))
            await stopped(self._producer)
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(2 * self._pause_s + 0.1, _LONGEST_PAUSE_S)
            self._producer = await self._start(asyncio.Event()) or self._producer

    def _open_queues(self, count: int) -> None:
        """Distribute the messages among *count* partitions; those with the same key keep their order."""
        messages = [message for queue in self._queues for message in queue]
        self._queues = [deque() for _ in range(count)]
        self._refusals = {number: reason for number, reason in self._refusals.items() if number < count}
        self._route(messages)

    async def _send_with(self, producer: PaymentProducer) -> int:
        """Send with *producer* until it fails; return the topic's number of partitions when it has changed."""
        await producer.find_topic()
        settled_s = time.monotonic()
        try:
            while (count := producer.partition_count() or len(self._queues)) <= len(self._queues):
                if count == len(self._queues):
                    settled_s = time.monotonic()
                elif time.monotonic() - settled_s > _SETTLE_S:
                    break
                await self._send_round(producer, count)
            return count
        finally:
            await producer.end()
            for number, batch in self._in_flight.items():
                if batch.stored.done() and batch.stored.exception() is None:
                    self._acknowledged(number, batch.messages, batch.stored.result().offset)
            self._in_flight.clear()

    async def _send_round(self, producer: PaymentProducer, count: int) -> None:
        """Send a batch to each partition that has none in flight, and wait for a response or for more messages."""
        self._filled = asyncio.get_running_loop().create_future()
        for number, queue in enumerate(self._queues[:count]):
            if queue and number not in self._in_flight:
                self._in_flight[number] = await producer.begin(number, queue)
        stored = (batch.stored for batch in self._in_flight.values())
        waited = {producer.sending, self._filled, *stored}
        await asyncio.wait(waited, timeout=_CHECK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
        if producer.sending.done():
            producer.sending.result()
        for number in [number for number, batch in self._in_flight.items() if batch.stored.done()]:
            await self._finish(producer, number)

    async def _finish(self, producer: PaymentProducer, number: int) -> None:
        batch = self._in_flight.pop(number)
        if isinstance(batch.stored.exception(), NEVER_ACCEPTED):  # an answer too; reading the limits takes time
            self._answered_s = time.monotonic()
        try:
            offset = await producer.result(batch)
        except TopicRefusesError as error:
            if str(error) not in self._refusals.values():
                self._log.error("payments refused", reason=str(error), action="nothing is lost; sent again every 2 s")
            self._refusals[number] = str(error)
            raise
        self._acknowledged(number, batch.messages, offset)

    def _acknowledged(self, number: int, messages: Sequence[KeyedMessage], offset: int) -> None:
        for _ in messages:
            self._queues[number].popleft()
        self.waiting -= len(messages)
        self._pause_s = 0.0
        if self._outage_logged:
            self._outage_logged = False
            self._log.info("Kafka is available again", outage_s=round(time.monotonic() - self._answered_s, 1))
        reason = self._refusals.pop(number, None)
        if reason and reason not in self._refusals.values():
            self._log.info("payments accepted again", was=reason)
        self._answered_s = time.monotonic()
        self._answered.set()
        self._on_delivery(Delivery(partition=number, offset=offset, messages=messages))
