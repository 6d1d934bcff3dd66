"""Kafka → database: reads both output topics, writes what comes with its positions, and outlives either being away."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from archiver.database_retry import DatabaseRetry, StoppedError
from archiver.positions import Move, Position
from archiver.report import Report
from archiver.resumer import PartitionResumer
from archiver.retention import PIECE, Retention
from archiver.rows import Batch, batch
from archiver.store import OvertakenError, Store
from fraudstream.kafka.cluster import admin_client, describe
from fraudstream.kafka.connection import BROKEN, started, stopped, unless_stopped
from fraudstream.kafka.follower import TopicFollower
from fraudstream.offsets import fingerprint
from fraudstream.record import Place, Record
from fraudstream.runtime.heartbeat import Heartbeat
from fraudstream.runtime.metrics import ArchiverMetrics
from fraudstream.runtime.run import wait_for_stop
from fraudstream.runtime.settings import ArchiveSettings, KafkaSettings, TopicSettings
from fraudstream.runtime.waiting import Waiting
from fraudstream.timestamps import rfc3339

_LOOK_EVERY_S = 1.0
_ANSWER_S = 5.0
_TAKE_IN_S = 30.0
_FETCH_MS = 250
_RETRY_S = 1.0
_SAY_OVERTAKEN_S = 60.0

Fetched = Mapping[Place, Sequence[Record]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiverSettings:
    """All that the loop is told."""

    kafka: KafkaSettings
    topics: TopicSettings
    archive: ArchiveSettings


class Archiver:
    """Archives until told to stop."""

    def __init__(
        self,
        settings: ArchiverSettings,
        store: Store,
        retry: DatabaseRetry,
        heartbeat: Heartbeat,
        metrics: ArchiverMetrics,
    ) -> None:
        self._settings = settings
        self._topics = (settings.topics.scored, settings.topics.dlq)
        self._store = store
        self._retry = retry
        self._heartbeat = heartbeat
        self._metrics = metrics
        self._taking = PartitionResumer(settings.kafka, settings.topics, metrics)
        self._retention = Retention(settings.archive.retention_days)
        self._report = Report()
        self._log = structlog.get_logger()
        self._overtaken = Waiting(self._log, "another archiver", "alone again", every_s=_SAY_OVERTAKEN_S)
        self._kafka_state = "connecting"
        self._cluster = ""
        self._known: dict[Place, Position] = {}
        self._lag = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Archive, and begin again where something breaks. Raises FraudstreamError where a user must act."""
        alive = asyncio.create_task(self._alive())
        try:
            while not stop.is_set():
                await self._session(stop)
                await wait_for_stop(stop, _RETRY_S)
        except StoppedError:
            self._log.warning("the database did not answer: what was read last is read again at the next start")
        finally:
            alive.cancel()

    async def _alive(self) -> None:
        """While it waits, the loop is alive though it does not turn; while it turns, that itself says so."""
        while True:
            if self._retry.obstacle:
                self._heartbeat.beat(f"waiting for the database: {self._retry.obstacle}")
            elif self._kafka_state:
                self._heartbeat.beat(f"Kafka: {self._kafka_state}")
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _session(self, stop: asyncio.Event) -> None:
        """From a connection to Kafka until it, or what we know of the positions, is of no use any more."""
        kafka = self._settings.kafka
        tail = None
        self._kafka_state = self._kafka_state or "connecting"
        try:
            if not await self._find_cluster(stop):
                return
            tail = await started(
                lambda: TopicFollower(kafka, self._topics), stop, self._log, bootstrap=kafka.bootstrap_servers
            )
            if tail is not None:
                await self._read_positions(stop)
                await self._follow(tail, stop)
        except BROKEN as error:
            self._log.warning("Kafka is away", reason=str(error) or type(error).__name__)
            self._kafka_state = "away"
        except OvertakenError as error:
            self._told_of(error)
        finally:
            if tail is not None:
                await stopped(tail)

    async def _find_cluster(self, stop: asyncio.Event) -> bool:
        kafka = self._settings.kafka
        admin = await started(lambda: admin_client(kafka), stop, self._log, bootstrap=kafka.bootstrap_servers)
        if admin is None:
            return False
        try:
            async with asyncio.timeout(_TAKE_IN_S):
                self._cluster = (await describe(admin, self._topics)).id
        finally:
            await stopped(admin)
        return True

    async def _read_positions(self, stop: asyncio.Event) -> None:
        found = await self._retry.run(stop, self._store.positions, self._cluster, self._topics)
        self._known, elsewhere = found
        if elsewhere and not self._known:
            self._log.warning("another Kafka cluster", cluster=self._cluster, begins="at the beginning of its topics")

    async def _follow(self, tail: TopicFollower, stop: asyncio.Event) -> None:
        looked_s = -_LOOK_EVERY_S
        while not stop.is_set():
            looks = time.monotonic() - looked_s >= _LOOK_EVERY_S
            if looks:
                looked_s = time.monotonic()
                await self._look(tail, stop)
            fetched = await unless_stopped(tail.fetch(_FETCH_MS, self._settings.archive.max_records), stop)
            if fetched is None:
                return  # cut short: its records are lost to us, so its positions must not be written
            if fetched or looks:  # behind the last record there may be no more than markers: once a second is enough
                await self._archive(tail, fetched, stop)
            fetched = None  # the next fetch may be as large: not both at once
            await self._expire(stop)
            if tail.positions:
                self._kafka_state = ""
                self._heartbeat.beat()

    async def _look(self, tail: TopicFollower, stop: asyncio.Event) -> None:
        """Ask where the topics end, and take in partitions that are not read yet."""
        async with asyncio.timeout(_ANSWER_S):
            ends = await unless_stopped(tail.ends(), stop)
        if ends is None:
            return
        if new := ends.keys() - tail.positions.keys():
            await unless_stopped(self._taking.take_in(tail, sorted(new), ends, self._known), stop, _TAKE_IN_S)
        labels = dict(zip(self._topics, ("scored", "dlq"), strict=True))
        lags = {place: max(end - tail.positions.get(place, end), 0) for place, end in ends.items()}
        for (topic, partition), lag in lags.items():
            self._metrics.lag.labels(labels[topic], partition).set(lag)
        self._lag = sum(lags.values())
        self._report.tick(self._lag)

    async def _archive(self, tail: TopicFollower, fetched: Fetched, stop: asyncio.Event) -> None:
        """Write what was fetched, and all positions that have moved."""
        moves = [move for place, offset in tail.positions.items() if (move := self._move(place, offset, fetched))]
        if not moves:
            return
        began_s = time.monotonic()
        now = rfc3339(time.time_ns() // 1_000_000)
        made: Batch = await self._retry.run(stop, batch, fetched, self._settings.topics, now)
        new = await self._retry.run(stop, self._store.write, self._cluster, made, moves, now)
        self._known |= {move.place: move.position for move in moves}
        self._count(made, new, time.monotonic() - began_s)

    def _move(self, place: Place, offset: int, fetched: Fetched) -> Move | None:
        known = self._known.get(place)
        if known and known.next_offset == offset:
            return None
        position = Position(next_offset=offset)
        if records := fetched.get(place):
            last = records[-1]
            position = Position(
                next_offset=offset,
                last_offset=last.offset,
                last_fingerprint=fingerprint(last.timestamp, last.value),
            )
        elif known and known.next_offset < offset:
            position = replace(known, next_offset=offset)
        return Move(place=place, expected=known.next_offset if known else None, position=position)

    def _count(self, made: Batch, new: Mapping[str, int], seconds: float) -> None:
        metrics = self._metrics
        for table, rows in made.rows.items():
            metrics.rows.labels(table).inc(new[table])
            metrics.rows_there.labels(table).inc(len(rows) - new[table])
        for topic, count in made.passed_over.items():
            metrics.records_skipped.labels(topic).inc(count)
        metrics.transaction_duration.observe(seconds)
        self._report.add(new, sum(made.passed_over.values()))

    async def _expire(self, stop: asyncio.Event) -> None:
        """Delete a piece of what is too old, if any is due."""
        piece = self._retention.due(time.time())
        if piece is None:
            return
        rows = await self._retry.run(stop, self._store.expire, piece.table, piece.before, PIECE)
        self._retention.deleted(piece, rows)
        self._metrics.rows_deleted.labels(piece.table).inc(rows)
        if rows:
            self._log.info("old rows deleted", table=piece.table, rows=rows, before=piece.before)

    def _told_of(self, error: OvertakenError) -> None:
        if self._retry.doubtful:
            self._log.info("positions have moved", reason="the last transaction was committed after all", of=str(error))
        else:
            self._metrics.overtaken.inc()
            self._overtaken.report(position=str(error), action="none is needed; one archiver of a database is enough")
        self._retry.over()
