"""Lag of the scorers' group by its committed offsets, read from Kafka while no scorer answers."""

import asyncio
from collections.abc import Mapping

import structlog

from dashboard.board import Board
from fraudstream.errors import KafkaSetupError
from fraudstream.kafka.cluster import admin_client, describe
from fraudstream.kafka.connection import BROKEN
from fraudstream.kafka.group import committed_offsets
from fraudstream.kafka.lag import LagProbe
from fraudstream.kafka.reading import connected
from fraudstream.runtime.log_on_change import LogOnChange
from fraudstream.runtime.settings import KafkaSettings

_EVERY_S = 5.0


class GroupLag:
    """Reads the lag into the board's replicas; for `LagProbe`, the owner of all partitions at the committed offsets."""

    def __init__(self, kafka: KafkaSettings, topic: str, group: str, board: Board) -> None:
        """Read the lag of `group` in `topic`, which contains the payments to score."""
        self._kafka = kafka
        self._topic = topic
        self._group = group
        self._board = board
        self._committed: Mapping[int, int | None] = {}
        self._probe = LagProbe(kafka, topic, self)
        self._log = structlog.get_logger()
        self._unknown = LogOnChange(self._log.info, "lag unknown")

    @property
    def assigned(self) -> frozenset[int]:
        """All partitions of the topic."""
        return frozenset(self._committed)

    async def position(self, partition: int) -> int | None:
        """Return the group's committed offset; None if it has none."""
        return self._committed[partition]

    async def run(self) -> None:
        """Read the lag every 5 s while Kafka answers and no scorer does, until cancelled."""
        replicas = self._board.replicas
        try:
            while True:
                await asyncio.sleep(_EVERY_S)
                is_needed = self._board.reading and not replicas.has_scorers
                replicas.group_lag = await self._read() if is_needed else None
                if not is_needed:
                    await self._probe.close()
        finally:
            await self._probe.close()

    async def _read(self) -> int | None:
        try:
            async with connected(lambda: admin_client(self._kafka), self._kafka, self._log) as admin:
                cluster = await describe(admin, [self._topic])
                partitions = range(cluster.partitions[self._topic])
                self._committed = await committed_offsets(admin, self._group, self._topic, partitions)
        except (KafkaSetupError, *BROKEN) as error:  # such as a missing right: the page then shows no lag
            self._unknown.report(str(error))
            return None
        self._unknown.report(None)
        lags = list((await self._probe.read() or {}).values())
        return sum(lag or 0 for lag in lags) if lags and None not in lags else None
