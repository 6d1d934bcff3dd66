"""Kafka → board: reads the scored payments and the dead letters, keeps up, and knows when Kafka is away."""

import asyncio
import time
from collections.abc import Mapping

import structlog

from dashboard.board import Board
from dashboard.window import SECONDS
from fraudstream.kafka.attempts import attempts
from fraudstream.kafka.connection import BROKEN, started, stopped, unless_stopped
from fraudstream.kafka.follower import TopicFollower
from fraudstream.record import Place, Unreadable
from fraudstream.runtime.heartbeat import Heartbeat
from fraudstream.runtime.metrics import DashboardMetrics
from fraudstream.runtime.run import wait_for_stop
from fraudstream.runtime.settings import KafkaSettings, TopicSettings

_LOOK_EVERY_S = 1.0
_ANSWER_S = 3.0
_SETTLE_S = 20.0
"""If fewer partitions are reported for longer than the client keeps its metadata, the topic was re-created."""
_ROUND_S = 0.25
_MOST_A_ROUND = 6_000
"""So many records are read in 250 ms: 24,000 a second, at half a core or less."""
_MOST_BEHIND = 2 * 24_000
_CAUGHT_UP = 10_000
_MOST_HISTORY = 600_000
"""Records of the scored topic that a start reads at most; older ones of the 15 minutes are left out."""


class Follower:
    """Reads until told to stop; `board` is told what comes, and how the reading goes."""

    def __init__(
        self,
        kafka: KafkaSettings,
        topics: TopicSettings,
        board: Board,
        heartbeat: Heartbeat,
        metrics: DashboardMetrics,
    ) -> None:
        self._kafka = kafka
        self._topics = topics
        self._board = board
        self._heartbeat = heartbeat
        self._metrics = metrics
        self._reached: Mapping[Place, int] = {}
        self._log = structlog.get_logger()

    async def run(self, stop: asyncio.Event) -> None:
        """Read, and connect again where the connection breaks. Raises KafkaSetupError where waiting is no use."""
        alive = asyncio.create_task(self._alive())
        try:
            while not stop.is_set():
                tail = await started(
                    lambda: TopicFollower(self._kafka, (self._topics.scored, self._topics.dlq), self._reached),
                    stop,
                    self._log,
                    bootstrap=self._kafka.bootstrap_servers,
                )
                if tail is None:
                    return
                try:
                    await self._read(tail, stop)
                except BROKEN as error:
                    if not self._board.reading:  # it has not got in since the last time either
                        attempts.check()
                    reason = attempts.final_refusal() or str(error) or type(error).__name__
                    self._log.warning("Kafka is away", reason=reason)
                    self._board.away(time.time())
                finally:
                    self._reached = tail.reached
                    await stopped(tail)
                await wait_for_stop(stop, _LOOK_EVERY_S)
        finally:
            alive.cancel()

    async def _alive(self) -> None:
        """While connecting, the loop is alive though nothing is read; once it reads, the reading itself says so."""
        while True:
            if not self._board.reading:
                self._heartbeat.beat(f"Kafka: {self._board.kafka_state}")
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _read(self, tail: TopicFollower, stop: asyncio.Event) -> None:
        looked_s, connected_s = 0.0, time.monotonic()
        while not stop.is_set():
            began_s = time.monotonic()
            if began_s - looked_s >= _LOOK_EVERY_S:
                await self._look(tail, stop, is_settled=began_s - connected_s > _SETTLE_S)
                looked_s = began_s
            fetched = await unless_stopped(tail.fetch(round(1_000 * _ROUND_S), _MOST_A_ROUND), stop)
            for (topic, partition), records in (fetched or {}).items():
                if topic == self._topics.scored:
                    self._board.take_scored(partition, records, time.time())
                    self._metrics.records_read.labels("scored").inc(len(records))
                else:
                    letters = [record for record in records if not isinstance(record, Unreadable)]
                    self._board.take_dead(partition, letters, time.time())
                    self._metrics.records_read.labels("dlq").inc(len(records))
            if self._board.reading:
                self._heartbeat.beat()
                # many small fetches would cost more than a few large ones
                await wait_for_stop(stop, max(_ROUND_S - (time.monotonic() - began_s), 0.01))
            else:
                await asyncio.sleep(0)

    async def _look(self, tail: TopicFollower, stop: asyncio.Event, *, is_settled: bool) -> None:
        """Ask where the topics end, take new partitions in, and skip what can't be kept up with."""
        async with asyncio.timeout(_ANSWER_S):
            ends = await unless_stopped(self._ends(tail), stop)
        if ends is None:
            return
        behind = {place: max(end - tail.positions.get(place, end), 0) for place, end in ends.items()}
        total = sum(behind.values())
        if self._board.reading and total > _MOST_BEHIND:
            tail.jump({place: ends[place] for place in behind})
            passed_over = sum(count for (topic, _), count in behind.items() if topic == self._topics.scored)
            self._board.pass_over(passed_over, time.time())
            self._metrics.records_skipped.inc(passed_over)
        is_whole = is_settled or not tail.reached.keys() - tail.positions.keys()
        self._board.connected(time.time(), caught_up=self._board.reading or (is_whole and total <= _CAUGHT_UP))

    async def _ends(self, tail: TopicFollower) -> Mapping[Place, int]:
        """The end of every partition that the brokers report, each of which is read then."""
        ends = await tail.ends()
        if not ends.keys() - tail.positions.keys():
            return ends
        scored = sum(topic == self._topics.scored for topic, _ in ends)
        now_s = time.time()
        cut = await tail.extend(round(1_000 * (now_s - SECONDS)), _MOST_HISTORY // max(scored, 1))
        self._board.begins(now_s, [partition for topic, partition in cut if topic == self._topics.scored])
        return await tail.ends()
