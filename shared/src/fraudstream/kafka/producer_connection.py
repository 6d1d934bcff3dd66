"""The producer's connection to Kafka: a failed producer is replaced, and its unacknowledged messages are sent again."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from aiokafka import errors

from fraudstream.errors import KafkaSetupError, TopicRefusesError
from fraudstream.kafka.connection import BROKEN, Log, started, stopped, unless_stopped
from fraudstream.kafka.idempotence import Acknowledged, IdempotentProducer
from fraudstream.kafka.limits import OutputLimits
from fraudstream.kafka.partitioning import PartitionCount
from fraudstream.kafka.refused_records import NEVER_ACCEPTED
from fraudstream.record import KeyedMessage, Message
from fraudstream.runtime.settings import KafkaSettings

_TOPIC_APPEARS_S = 5.0
_LONGEST_PAUSE_S = 2.0
_REPORT_PAUSE_S = 0.2


class ProducerConnection:
    """The current producer for one topic, replaced when it fails, and the number of partitions to send to."""

    producer: IdempotentProducer

    def __init__(self, kafka: KafkaSettings, topic: str, log: Log) -> None:
        self._kafka = kafka
        self._topic = topic
        self._log = log
        self._limits = OutputLimits(kafka, (topic,))
        self._refusals: dict[int, str] = {}
        self._replacing = asyncio.Lock()
        self._pause_s = 0.0
        self._partition_count = PartitionCount()

    async def open(self, stop: asyncio.Event) -> bool:
        """Wait for a broker and the topic; return False if *stop* is set first."""
        producer = await self._start_producer(stop)
        if producer is None:
            return False
        self.producer = producer
        count = None
        try:
            count = await unless_stopped(producer.partition_count(), stop, _TOPIC_APPEARS_S)
        except (TimeoutError, errors.UnknownTopicOrPartitionError):
            raise KafkaSetupError(f"no such topic: {self._topic}; create it with: fraudstream topics") from None
        finally:
            if count is None:
                await stopped(producer)
        self._partition_count.settled(count or 0)
        return count is not None

    async def close(self) -> None:
        """Disconnect."""
        await stopped(self.producer)

    def partition_count(self) -> int:
        """Return the latest known number of the topic's partitions."""
        return self._partition_count.settled(self.producer.known_partition_count())

    @property
    def refused(self) -> str | None:
        """Why the topic refuses payments in one of its partitions, as text for a user; None if it accepts them."""
        return next((reason for one, reason in self._refusals.items() if one < self.partition_count()), None)

    async def send(self, partition: int, messages: Sequence[KeyedMessage]) -> Acknowledged | None:
        """Send a batch from the beginning of *messages*, waiting for unavailable brokers.

        Return None where the producer has failed and was replaced, where the topic refuses the batch, or where the
        partition no longer exists: call it again with the current number of partitions.
        """
        if not await self._wait_until_reported(partition):
            return None
        producer, limits = self.producer, self._limits.of(self._topic)
        try:
            done = await producer.send(partition, messages)
        except NEVER_ACCEPTED as error:
            records: list[Message] = [(key, value, timestamp_ms, []) for key, value, timestamp_ms in messages]
            self._refuse(partition, await self._limits.refused(limits, error, records))
            await self._replace(producer, error)
            return None
        except BROKEN as error:
            await self._replace(producer, error)
            return None
        self._pause_s = 0.0
        reason = self._refusals.pop(partition, None)
        if reason and reason not in self._refusals.values():
            self._log.info("payments accepted again", was=reason)
        return done

    def _refuse(self, partition: int, why: Exception) -> None:
        if not isinstance(why, TopicRefusesError):
            return
        if str(why) not in self._refusals.values():
            self._log.error("payments refused", reason=str(why), action="nothing is lost; sent again every 2 s")
        self._refusals[partition] = str(why)

    async def _wait_until_reported(self, partition: int) -> bool:
        """Wait while the brokers report fewer partitions than before; return whether this one exists."""
        while 0 < self.producer.known_partition_count() <= partition:
            if partition >= self.partition_count():
                return False
            await asyncio.sleep(_REPORT_PAUSE_S)
        return True

    async def _replace(self, failed: IdempotentProducer, error: Exception) -> None:
        async with self._replacing:
            if self.producer is not failed:
                return
            report = self._log.debug if isinstance(error, NEVER_ACCEPTED) else self._log.warning
            report("producer failed, starting a new one", reason=repr(error))
            await stopped(failed)
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(2 * self._pause_s + 0.1, _LONGEST_PAUSE_S)
            self.producer = await self._start_producer(asyncio.Event()) or failed
            with suppress(*BROKEN):  # otherwise the number of partitions of a re-created topic would stay the old one
                await asyncio.wait_for(self.producer.partition_count(), _TOPIC_APPEARS_S)

    async def _start_producer(self, stop: asyncio.Event) -> IdempotentProducer | None:
        bootstrap = self._kafka.bootstrap_servers
        make = partial(IdempotentProducer, self._kafka, self._topic, self._limits)
        return await started(make, stop, self._log, bootstrap=bootstrap)
