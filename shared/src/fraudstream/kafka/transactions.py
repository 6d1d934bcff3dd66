"""Atomic writes to several topics and partitions: one transaction after the other, by one producer."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from aiokafka import AIOKafkaProducer

from fraudstream.kafka.connection import client_options
from fraudstream.kafka.limits import OutputLimits
from fraudstream.kafka.producing import failed_producer, publish, start, transactional
from fraudstream.kafka.rights import Rights
from fraudstream.record import Message, Place
from fraudstream.runtime.failpoints import failpoint
from fraudstream.runtime.settings import KafkaSettings

_REQUEST_BYTES = 4 << 20
# together less than the transaction timeout
_SEND_TIMEOUT_S = 40.0
_COMMIT_TIMEOUT_S = 15.0


class Transactions:
    """Transactional producer, started and stopped like a client.

    Its start fences earlier producers with this identity, and ends their open transaction. After an error of `publish`
    it must be discarded: the messages are committed all or none.
    """

    def __init__(self, kafka: KafkaSettings, identity: str, topics: Collection[str]) -> None:
        self._limits = OutputLimits(kafka, topics)
        self._rights = Rights(kafka=kafka, topics=dict.fromkeys(topics, ("Write",)), transactional_ids=identity)
        self._producer = AIOKafkaProducer(
            **client_options(kafka),
            **transactional(identity),
            max_request_size=_REQUEST_BYTES,
            linger_ms=0,
        )

    async def start(self) -> None:
        """Connect; then everything that an earlier producer has committed is visible, and it can't commit any more.

        Raises AccessRefusedError, as `publish` does, where this user lacks a right to write.
        """
        with self._rights.needed():
            await start(self._producer)
        await self._limits.refresh()

    async def stop(self) -> None:
        """Disconnect; an open transaction ends at the next start, or by its timeout."""
        await self._producer.stop()

    async def publish(self, messages: Mapping[Place, Sequence[Message]]) -> None:
        """Publish *messages* in one transaction, and return when it is committed.

        Raises TopicRefusesError as `producing.publish` does.
        """
        with self._rights.needed(), failed_producer():
            await self._publish(messages)

    async def _publish(self, messages: Mapping[Place, Sequence[Message]]) -> None:
        async with asyncio.timeout(_SEND_TIMEOUT_S):
            await self._producer.begin_transaction()
            await publish(self._producer, self._limits, messages, _SEND_TIMEOUT_S)
        failpoint("replay_sent")
        async with asyncio.timeout(_COMMIT_TIMEOUT_S):
            await self._producer.commit_transaction()
        failpoint("replay_committed")
