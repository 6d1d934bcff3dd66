"""The scorer as earlier releases published: with a transactional producer for each partition.

Its id consists of group, topic and partition, and its start fences the previous one. Offsets have no metadata.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from fraudstream.kafka import consumer
from fraudstream.kafka.connection import client_options, stopped
from fraudstream.kafka.group_requests import Membership
from fraudstream.kafka.owner import Owner
from fraudstream.kafka.producing import enqueue, transactional
from fraudstream.record import Message, Place
from fraudstream.runtime.failpoints import failpoint
from fraudstream.runtime.settings import KafkaSettings
from scorer import __main__ as wiring
from scorer import group_watch


class EarlierOwner(Owner):
    """An owner with a transaction for each partition; a kill at `committed` leaves all but one of them open."""

    def __init__(self, kafka: KafkaSettings, **options: Any) -> None:
        super().__init__(kafka, **options)
        self._kafka = kafka
        self._producers: dict[int, AIOKafkaProducer] = {}

    async def fence_others(
        self, partitions: Collection[int], _: Collection[str]
    ) -> tuple[dict[int, int | None], dict[int, str]]:
        """Start the partitions' producers, and read the committed offsets."""
        for partition in partitions:
            await self._stop(partition)
            identity = transactional(f"{self._group}-{self._topics.input}-{partition}")
            producer = AIOKafkaProducer(**client_options(self._kafka), **identity, linger_ms=0)
            self._producers[partition] = producer
            await producer.start()
        committed = await self._committed(partitions, stable=False)
        return {partition: one.offset for partition, one in committed.items()}, {}

    async def register(self, membership: Membership, positions: Mapping[int, int]) -> None:
        """Commit the positions, without metadata."""
        await self._requests.commit(membership, positions, "")

    async def send(self, messages: Mapping[Place, Sequence[Message]]) -> dict[int, BaseException]:
        """Publish each partition's messages in its transaction."""
        for partition in {partition for _, partition in messages}:
            await self._producers[partition].begin_transaction()
        for (topic, partition), batch in messages.items():
            await asyncio.gather(*await enqueue(self._producers[partition], topic, partition, batch))
        return {}

    async def send_offsets(self, offsets: Mapping[int, int]) -> None:
        """Add each partition's offset to its transaction."""
        for partition, offset in offsets.items():
            place = TopicPartition(self._topics.input, partition)
            await self._producers[partition].send_offsets_to_transaction({place: offset}, self._group)
        failpoint("offsets_sent")

    async def commit(self, offsets: Mapping[int, int]) -> None:
        """Commit one transaction after the other."""
        for partition in offsets:
            await self._producers[partition].commit_transaction()
            failpoint("committed")

    async def abandon(self) -> bool:
        """Leave open transactions open."""
        return False

    async def close(self) -> None:
        """Disconnect."""
        for partition in list(self._producers):
            await self._stop(partition)
        await super().close()

    async def _stop(self, partition: int) -> None:
        producer = self._producers.pop(partition, None)
        if producer is not None:
            await stopped(producer)


def earlier_release() -> None:
    """Publish as earlier releases did, as a member that can't join today's scorers."""
    wiring.Owner = EarlierOwner  # type: ignore[attr-defined]
    consumer._Assignor = StickyPartitionAssignor  # type: ignore[assignment, misc]
    group_watch.ASSIGNOR = StickyPartitionAssignor.name  # type: ignore[attr-defined]
