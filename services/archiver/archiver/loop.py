"""Kafka → database: reads both output topics, writes records with their positions, and retries if either is down."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from archiver.database_retry import DatabaseRetry, StoppedError
from archiver.positions import Move, Position
from archiver.report import Report
from archiver.resumer import PartitionResumer
from archiver.retention import PIECE, Retention
from archiver.rows import Batch, Rows
from archiver.store import PositionConflictError, Store
from fraudstream.kafka.cluster import admin_client, describe
from fraudstream.kafka.connection import BROKEN, Log, error_text, started, stopped, unless_stopped
from fraudstream.kafka.follower import TopicFollower
from fraudstream.offsets import fingerprint
from fraudstream.record import Place, Record
from fraudstream.runtime.heartbeat import Heartbeat
from fraudstream.runtime.log_on_change import Every, LogOnChange
from fraudstream.runtime.metrics import ArchiverMetrics
from fraudstream.runtime.run import alongside, wait_for_stop
from fraudstream.runtime.settings import KafkaSettings, TopicSettings
from fraudstream.timestamps import rfc3339

_CHECK_EVERY_S = 1.0
_ANSWER_S = 5.0
_RESUME_S = 30.0
_FETCH_MS = 250
_RETRY_S = 1.0
_LOG_CONFLICT_EVERY_S = 60.0

Fetched = Mapping[Place, Sequence[Record]]


def _conflict_log() -> LogOnChange:
    return LogOnChange(structlog.get_logger().warning, "positions moved by another archiver", _LOG_CONFLICT_EVERY_S)


@dataclass(slots=True, kw_only=True)
class Archiver:
    """Archives both topics until `stop` is set."""

    kafka: KafkaSettings
    topics: TopicSettings
    max_records: int
    rows: Rows
    store: Store
    retry: DatabaseRetry
    resumer: PartitionResumer
    retention: Retention
    report: Report
    heartbeat: Heartbeat
    metrics: ArchiverMetrics
    _log: Log = field(default_factory=structlog.get_logger)
    _conflict: LogOnChange = field(default_factory=_conflict_log)
    _kafka_state: str = "connecting"
    _cluster: str = ""
    _known: dict[Place, Position] = field(default_factory=dict)

    @property
    def _followed(self) -> tuple[str, str]:
        return self.topics.scored, self.topics.dlq

    async def run(self, stop: asyncio.Event) -> None:
        """Archive, and restart after errors. Raises FraudstreamError if a user must act."""
        async with alongside(self._beat_while_waiting()):
            try:
                while not stop.is_set():
                    await self._run_session(stop)
                    await wait_for_stop(stop, _RETRY_S)
            except StoppedError:
                self._log.warning("the database did not answer: the last records read are read again at the next start")

    async def _beat_while_waiting(self) -> None:
        """Write the heartbeat while the loop waits; the loop itself writes it while it runs."""
        while True:
            if self.retry.problem:
                self.heartbeat.beat(f"waiting for the database: {self.retry.problem}")
            elif self._kafka_state:
                self.heartbeat.beat(f"Kafka: {self._kafka_state}")
            await asyncio.sleep(_CHECK_EVERY_S)

    async def _run_session(self, stop: asyncio.Event) -> None:
        """Connect to Kafka and archive until the connection breaks, or the positions that we know are outdated."""
        follower = None
        self._kafka_state = self._kafka_state or "connecting"
        try:
            if not await self._find_cluster(stop):
                return
            follower = await started(
                lambda: TopicFollower(self.kafka, self._followed),
                stop,
                self._log,
                bootstrap=self.kafka.bootstrap_servers,
            )
            if follower is not None:
                await self._read_positions(stop)
                await self._follow(follower, stop)
        except BROKEN as error:
            self._log.warning("Kafka unavailable", reason=error_text(error))
            self._kafka_state = "unavailable"
        except PositionConflictError as error:
            self._handle_conflict(error)
        finally:
            if follower is not None:
                await stopped(follower)

    async def _find_cluster(self, stop: asyncio.Event) -> bool:
        kafka = self.kafka
        admin = await started(lambda: admin_client(kafka), stop, self._log, bootstrap=kafka.bootstrap_servers)
        if admin is None:
            return False
        try:
            async with asyncio.timeout(_RESUME_S):
                self._cluster = (await describe(admin, self._followed)).id
        finally:
            await stopped(admin)
        return True

    async def _read_positions(self, stop: asyncio.Event) -> None:
        self._known, has_other_cluster = await self.retry.run(stop, self.store.positions, self._cluster, self._followed)
        if has_other_cluster and not self._known:
            self._log.warning("Kafka cluster changed", cluster=self._cluster, begins="at the beginning of its topics")

    async def _follow(self, follower: TopicFollower, stop: asyncio.Event) -> None:
        check = Every(_CHECK_EVERY_S, at_once=True)
        while not stop.is_set():
            is_due = bool(check.due())
            if is_due:
                await self._check_ends(follower, stop)
            fetched = await unless_stopped(follower.fetch(_FETCH_MS, self.max_records), stop)
            if fetched is None:
                return  # stopped during the fetch: its records are lost, so their positions must not be written
            if fetched or is_due:  # after the last record there may be only markers: once a second is enough
                await self._archive(follower, fetched, stop)
            fetched = None  # free the memory: the next fetch may be as large
            await self._expire(stop)
            if follower.positions:
                self._kafka_state = ""
                self.heartbeat.beat()

    async def _check_ends(self, follower: TopicFollower, stop: asyncio.Event) -> None:
        """Query the topics' end offsets, and resume partitions that are not read yet."""
        ends = await unless_stopped(follower.ends(), stop, _ANSWER_S)
        if ends is None:
            return
        if new := ends.keys() - follower.positions.keys():
            await unless_stopped(
                self.resumer.resume_partitions(follower, sorted(new), ends, self._known), stop, _RESUME_S
            )
        lags = follower.behind(ends)
        for (topic, partition), lag in lags.items():
            label = "scored" if topic == self.topics.scored else "dlq"
            self.metrics.lag.labels(label, partition).set(lag)
        self.report.tick(sum(lags.values()))

    async def _archive(self, follower: TopicFollower, fetched: Fetched, stop: asyncio.Event) -> None:
        """Write the fetched records, and all positions that have moved."""
        moves = [move for place, offset in follower.positions.items() if (move := self._move(place, offset, fetched))]
        if not moves:
            return
        began_s = time.monotonic()
        now = rfc3339(time.time_ns() // 1_000_000)
        rows: Batch = await self.retry.run(stop, self.rows.batch, fetched, now)
        new = await self.retry.run(stop, self.store.write, self._cluster, rows, moves, now)
        self._known |= {move.place: move.position for move in moves}
        self._count(rows, new, time.monotonic() - began_s)

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

    def _count(self, written: Batch, new: Mapping[str, int], seconds: float) -> None:
        metrics = self.metrics
        for table, rows in written.rows.items():
            metrics.rows.labels(table).inc(new[table])
            metrics.rows_there.labels(table).inc(len(rows) - new[table])
        for topic, count in written.skipped.items():
            metrics.records_skipped.labels(topic).inc(count)
        metrics.transaction_duration.observe(seconds)
        self.report.add(new, sum(written.skipped.values()))

    async def _expire(self, stop: asyncio.Event) -> None:
        """Delete one batch of expired rows, if one is due."""
        piece = self.retention.due(time.time())
        if piece is None:
            return
        rows = await self.retry.run(stop, self.store.expire, piece.table, piece.before, PIECE)
        self.retention.deleted(piece, rows)
        self.metrics.rows_deleted.labels(piece.table).inc(rows)
        if rows:
            self._log.info("old rows deleted", table=piece.table, rows=rows, before=piece.before)

    def _handle_conflict(self, error: PositionConflictError) -> None:
        if self.retry.may_have_committed:
            self._log.info("positions have moved", reason="the last transaction had been committed", of=str(error))
        else:
            self.metrics.overtaken.inc()
            self._conflict.report("", position=str(error), action="none is needed; one archiver per database is enough")
        self.retry.clear()
