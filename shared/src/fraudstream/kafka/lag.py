"""How far an owner of partitions is behind: last stable offset minus position, of each partition that it has.

Not minus the committed offset: a transaction's marker keeps that behind for good. Asked over a connection of its own:
a stuck consumer would answer from what it knew.
"""

import asyncio
from typing import Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from fraudstream.kafka.connection import BROKEN, client_options, quiet_client, stopped
from fraudstream.runtime.settings import KafkaSettings

_TIMEOUT_S = 10.0


class Owner(Protocol):
    """Whose lag it is."""

    @property
    def assigned(self) -> frozenset[int]:
        """Its partitions."""

    async def position(self, partition: int) -> int | None:
        """The offset that is next; None if unknown."""


class LagProbe:
    """Keeps its connection until that fails."""

    def __init__(self, kafka: KafkaSettings, topic: str, owner: Owner) -> None:
        self._kafka = kafka
        self._topic = topic
        self._owner = owner
        self._reader: AIOKafkaConsumer | None = None
        self._asking = asyncio.Lock()

    async def read(self) -> dict[int, int | None] | None:
        """The lag by partition, None where the position is unknown; None altogether if the brokers don't answer."""
        places = [TopicPartition(self._topic, partition) for partition in sorted(self._owner.assigned)]
        if not places:
            return {}
        async with self._asking:
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    ends = await (await self._connected()).end_offsets(places)
            except BROKEN:
                await self.close()
                return None
        lags: dict[int, int | None] = {}
        for place, end in ends.items():
            position = await self._owner.position(place.partition)
            lags[place.partition] = None if position is None else max(0, end - position)
        return lags

    async def total(self) -> int | None:
        """The sum; where a position is unknown, there is some lag. None if the brokers don't answer."""
        lags = await self.read()
        return None if lags is None else sum(1 if lag is None else lag for lag in lags.values())

    async def close(self) -> None:
        """Disconnect."""
        reader, self._reader = self._reader, None
        if reader is not None:
            await stopped(reader)

    async def _connected(self) -> AIOKafkaConsumer:
        if self._reader is None:
            self._reader = AIOKafkaConsumer(**client_options(self._kafka), isolation_level="read_committed")
            with quiet_client():
                await self._reader.start()
        return self._reader
