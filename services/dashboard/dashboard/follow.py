"""Kafka → board: reads scored payments and dead letters, skips records to keep up, and detects outages of Kafka."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from dashboard.board import Board
from dashboard.window import SECONDS
from fraudstream.kafka.attempts import attempts
from fraudstream.kafka.connection import BROKEN, Log, error_text, started, stopped, unless_stopped
from fraudstream.kafka.follower import TopicFollower
from fraudstream.record import Place, Record, Unreadable
from fraudstream.runtime.heartbeat import Heartbeat
from fraudstream.runtime.log_on_change import Every
from fraudstream.runtime.metrics import DashboardMetrics
from fraudstream.runtime.run import alongside, wait_for_stop
from fraudstream.runtime.settings import KafkaSettings, TopicSettings

_CHECK_EVERY_S = 1.0
_ANSWER_S = 3.0
_SETTLE_S = 20.0
"""If fewer partitions are reported for longer than the client keeps its metadata, the topic was re-created."""
_ROUND_S = 0.25
_MOST_PER_ROUND = 6_000
"""Records per 250 ms: 24,000 per second, with at most half a core."""
_MOST_BEHIND = 2 * 24_000
_CAUGHT_UP = 10_000
_MOST_HISTORY = 600_000
"""Maximum of scored records read at the start; older records of the 15 minutes are skipped."""


@dataclass(slots=True, kw_only=True)
class Follower:
    """Reads both topics into `board`, with the state of the connection, until `stop` is set."""

    kafka: KafkaSettings
    topics: TopicSettings
    board: Board
    heartbeat: Heartbeat
    metrics: DashboardMetrics
    _log: Log = field(default_factory=structlog.get_logger)
    _reached: Mapping[Place, int] = field(default_factory=dict)
    _history_ends: dict[Place, int] = field(default_factory=dict)
    """End of each partition when it was first read over this connection: the records before it are its history."""

    async def run(self, stop: asyncio.Event) -> None:
        """Read, and reconnect after connection errors. Raises KafkaSetupError if waiting does not help."""
        async with alongside(self._beat_while_connecting()):
            while not stop.is_set():
                follower = await started(
                    lambda: TopicFollower(self.kafka, (self.topics.scored, self.topics.dlq), self._reached),
                    stop,
                    self._log,
                    bootstrap=self.kafka.bootstrap_servers,
                )
                if follower is None:
                    return
                try:
                    await self._read(follower, stop)
                except BROKEN as error:
                    if not self.board.reading:  # nor has the previous attempt succeeded
                        attempts.check()
                    reason = attempts.final_refusal() or error_text(error)
                    self._log.warning("Kafka unavailable", reason=reason)
                    self.board.disconnected(time.time())
                finally:
                    self._reached = follower.reached
                    await stopped(follower)
                await wait_for_stop(stop, _CHECK_EVERY_S)

    async def _beat_while_connecting(self) -> None:
        """Write the heartbeat while connecting; the reading loop writes it afterwards."""
        while True:
            if not self.board.reading:
                self.heartbeat.beat(f"Kafka: {self.board.kafka_state}")
            await asyncio.sleep(_CHECK_EVERY_S)

    async def _read(self, follower: TopicFollower, stop: asyncio.Event) -> None:
        self._history_ends = {}
        check, connected_s = Every(_CHECK_EVERY_S, at_once=True), time.monotonic()
        while not stop.is_set():
            began_s = time.monotonic()
            if check.due():
                await self._check_ends(follower, stop, is_settled=began_s - connected_s > _SETTLE_S)
            await self._read_round(follower, stop)
            if self.board.reading:
                self.heartbeat.beat()
                # many small fetches would cost more than a few large ones
                await wait_for_stop(stop, max(_ROUND_S - (time.monotonic() - began_s), 0.01))
            else:
                await asyncio.sleep(0)

    async def _read_round(self, follower: TopicFollower, stop: asyncio.Event) -> None:
        """Add all records that the brokers have to the board, within the time and the number of a round."""
        ends_s, left = time.monotonic() + _ROUND_S, _MOST_PER_ROUND
        while left > 0 and (wait_s := ends_s - time.monotonic()) > 0:
            fetched = await unless_stopped(follower.fetch(round(1_000 * wait_s), left), stop)
            if fetched is None:
                return
            self._add(fetched)
            left -= sum(map(len, fetched.values()))
            if not follower.has_more:
                return

    def _add(self, fetched: Mapping[Place, Sequence[Record]]) -> None:
        for (topic, partition), records in fetched.items():
            if topic == self.topics.scored:
                self.board.add_scored(partition, records, time.time())
                self.metrics.records_read.labels("scored").inc(len(records))
            else:
                letters = [record for record in records if not isinstance(record, Unreadable)]
                self.board.add_dead(partition, letters, time.time())
                self.metrics.records_read.labels("dlq").inc(len(records))

    async def _check_ends(self, follower: TopicFollower, stop: asyncio.Event, *, is_settled: bool) -> None:
        """Query the topics' end offsets, start reading new partitions, and skip records if too far behind."""
        ends = await unless_stopped(self._resume_and_query_ends(follower), stop, _ANSWER_S)
        if ends is None:
            return
        behind = follower.behind(ends)
        total = sum(behind.values())
        if self.board.reading and total > _MOST_BEHIND:
            follower.jump({place: ends[place] for place in behind})
            skipped = sum(count for (topic, _), count in behind.items() if topic == self.topics.scored)
            self.board.skip(skipped, time.time())
            self.metrics.records_skipped.inc(skipped)
        is_whole = is_settled or not follower.reached.keys() - follower.positions.keys()
        is_caught_up = is_whole and total <= _CAUGHT_UP and self._has_read_history(follower, ends)
        self.board.connected(time.time(), caught_up=self.board.reading or is_caught_up)

    def _has_read_history(self, follower: TopicFollower, ends: Mapping[Place, int]) -> bool:
        history = {place: min(end, ends.get(place, end)) for place, end in self._history_ends.items()}
        return not any(follower.behind(history).values())

    async def _resume_and_query_ends(self, follower: TopicFollower) -> Mapping[Place, int]:
        """Return the end offsets of all partitions, after starting to read new ones."""
        ends = await follower.ends()
        new = ends.keys() - follower.positions.keys()
        if not new:
            return ends
        scored = sum(topic == self.topics.scored for topic, _ in ends)
        now_s = time.time()
        cut = await follower.extend(round(1_000 * (now_s - SECONDS)), _MOST_HISTORY // max(scored, 1))
        self.board.start_history(now_s, [partition for topic, partition in cut if topic == self.topics.scored])
        ends = await follower.ends()
        self._history_ends |= {place: ends[place] for place in new & ends.keys()}
        return ends
