"""A partition's way out: what a cycle publishes for one input partition, acknowledged and committed as one.

Exactly once: each input partition has a transactional producer of its own, whose id fences whoever had the partition
before (the scheme of Kafka Streams' first exactly-once mode; aiokafka can't fence by the group's generation).
At least once: the same without a transaction, committed by the consumer.
After any error or doubtful outcome an outlet is thrown away and made anew: aiokafka's producers don't recover from one.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from aiokafka import AIOKafkaProducer, TopicPartition

from fraudstream.errors import KafkaSetupError
from fraudstream.failpoints import failpoint
from fraudstream.kafka.connection import client_options, stopped
from fraudstream.kafka.limits import OutputLimits
from fraudstream.kafka.patches import retry_begin_soon
from fraudstream.kafka.producing import failed_producer, publish, start, transactional, transactional_id
from fraudstream.kafka.rights import Rights
from fraudstream.rows import Message
from fraudstream.settings import KafkaSettings, TopicSettings

_START_TIMEOUT_S = 30.0
_SEND_TIMEOUT_S = 20.0
_COMMIT_TIMEOUT_S = 15.0
_REQUEST_BYTES = 4 << 20

Commit = Callable[[int, int], Awaitable[None]]


class Outlet:
    """Publishes for one input partition, to the same partition number of the output topics."""

    def __init__(
        self,
        kafka: KafkaSettings,
        *,
        topics: TopicSettings,
        limits: OutputLimits,
        group: str,
        partition: int,
        guarantee: Literal["exactly_once", "at_least_once"],
        commit: Commit,
    ) -> None:
        self._source = TopicPartition(topics.input, partition)
        self._outputs = (topics.scored, topics.dlq)
        self._limits = limits
        self._group = group
        self._transactional = guarantee == "exactly_once"
        self._commit = commit
        self._rights = Rights(
            kafka=kafka,
            topics=dict.fromkeys(self._outputs, ("Write",)),
            group=group,
            transactional_ids=transactional_id(group, topics.input, ""),
        )
        retry_begin_soon()
        identity: dict[str, object] = (
            transactional(transactional_id(group, topics.input, partition))
            if self._transactional
            else {"enable_idempotence": True}
        )
        self._producer = AIOKafkaProducer(
            **client_options(kafka),
            **identity,
            max_request_size=_REQUEST_BYTES,
            linger_ms=0,
        )

    async def start(self) -> None:
        """Connect; in a transaction's case this fences a former owner and ends its open transaction."""
        async with self._within(_START_TIMEOUT_S):
            await start(self._producer)
            for topic in self._outputs:
                if self._source.partition not in await self._producer.partitions_for(topic):
                    raise KafkaSetupError(
                        f"{topic} has no partition {self._source.partition}, as {self._source.topic} has; "
                        "raise it with: fraudstream topics"
                    )

    async def send(self, messages: Mapping[str, Sequence[Message]]) -> None:
        """Publish to each topic; returns when the brokers have all of it.

        Raises TopicRefusesError where a topic's settings make every further attempt useless.
        """
        async with self._within(_SEND_TIMEOUT_S):
            if self._transactional:
                await self._producer.begin_transaction()
            failpoint("sending")
            places = {(topic, self._source.partition): some for topic, some in messages.items()}
            if self._transactional:
                await publish(self._producer, self._limits, places)
                return
            # one after the other, the fewer first: what is sent before a refusal is sent again at each attempt
            for place in sorted(places, key=lambda place: len(places[place])):
                await publish(self._producer, self._limits, {place: places[place]})

    async def commit(self, offset: int) -> None:
        """The next offset to read: stored with what was published, or by the consumer where there is no transaction."""
        async with self._within(_COMMIT_TIMEOUT_S):
            if not self._transactional:
                await self._commit(self._source.partition, offset)
                return
            await self._producer.send_offsets_to_transaction({self._source: offset}, self._group)
            failpoint("offsets_sent")
            await self._producer.commit_transaction()

    async def close(self) -> None:
        """Let go, whatever state it is in; an open transaction ends when the next owner starts, or by its timeout."""
        await stopped(self._producer)

    @asynccontextmanager
    async def _within(self, timeout_s: float) -> AsyncIterator[None]:
        with self._rights.needed(), failed_producer():
            async with asyncio.timeout(timeout_s):
                yield
