"""fetch → decide → publish → store → commit; a cycle handles the records of one fetch."""

import asyncio
import time
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar

import structlog

from fraudstream.csv_file.protocol import Batch, Sink
from fraudstream.errors import AccessRefusedError, ModelUnfitError, SinkUnavailableError, TopicRefusesError
from fraudstream.kafka.attempts import attempts
from fraudstream.kafka.connection import BROKEN, error_text, unless_stopped
from fraudstream.kafka.consumer import InputConsumer, OffsetDeletedError
from fraudstream.kafka.producing import FENCED_ERRORS
from fraudstream.record import Record, Unreadable
from fraudstream.runtime.failpoints import failpoint
from fraudstream.runtime.heartbeat import Heartbeat, Status
from fraudstream.runtime.log_on_change import LogOnChange
from fraudstream.timestamps import utc_text
from scorer.blocked import Blocked
from scorer.champion import Champion
from scorer.cycle_report import CycleReport
from scorer.group_watch import GroupWatch
from scorer.ownership import Ownership
from scorer.scoring import Outcome, Scorer
from scorer.stops import Stops
from scorer.takeover import PartitionState
from scorer.watchdog import Watchdog

T = TypeVar("T")
U = TypeVar("U")
_FETCH_TIMEOUT_MS = 200
_SEARCH_TIMEOUT_S = 10.0
_INLINE_RECORDS = 100
# 5,000 records where a topic accepts batches of 100,000 bytes, 50 where it accepts 1,000
_BYTES_A_RECORD = 20
_EXPECTED = (AccessRefusedError, TopicRefusesError, *BROKEN)
"""Errors of a transaction when a broker is unavailable, or refuses the client or a record."""


@dataclass(slots=True, kw_only=True)
class Pipeline:
    """The loop of cycles, run in each membership of the group."""

    consumer: InputConsumer
    ownership: Ownership
    group: GroupWatch
    champion: Champion
    scorer: Scorer
    sink: Sink
    heartbeat: Heartbeat
    watchdog: Watchdog
    report: CycleReport
    stops: Stops
    max_records: int
    _blocked: Blocked = field(default_factory=Blocked)
    _refusal: LogOnChange = field(
        default_factory=lambda: LogOnChange(structlog.get_logger().error, "Kafka refuses a connection")
    )
    """Why brokers refuse this client now; the client itself only retries."""
    _proven: bool = False
    """Whether all partitions are ready, and the first records of each, if any, were in a completed cycle."""

    async def run(self, stop: asyncio.Event) -> None:
        """Run cycles until `stop` is set; raises KafkaError if membership is lost and a new consumer is needed."""
        self._proven = False
        while not stop.is_set():
            self.ownership.check()
            self._refusal.report(attempts.final_refusal(), action="retrying")
            self._settle()
            answered = self.ownership.complete and (self._proven or self.consumer.has_answer(self.ownership.ready))
            self.heartbeat.beat(self._status())
            if self._blocked.reason or self.ownership.problem or self.stops.state:
                self.watchdog.progress()
            self.report.tick()
            try:
                # aiokafka's fetch blocks during a rebalance; a stop must not wait for that
                fetched = await unless_stopped(self.consumer.fetch(_FETCH_TIMEOUT_MS, self._most_records()), stop)
            except OffsetDeletedError as error:
                self.ownership.retake(error.partitions, "retention has deleted the position")
                continue
            if fetched:
                async with self.ownership.busy:
                    await self._cycle(fetched)
            fetched = None  # frees the memory: the next fetch may be as large
            self.stops.follow(self.consumer.stopped_at)
            for partition, batch in self.stops.requested().items():
                await self._skip(partition, batch, stop)
            self._proven = answered
        self.report.finish()

    async def _skip(self, partition: int, batch: Unreadable, stop: asyncio.Event) -> None:
        """Commit the range of offsets that can't be decoded, with a dead letter of its bytes, as a separate cycle."""
        try:
            following = await unless_stopped(self.consumer.offset_after(partition, batch), stop, _SEARCH_TIMEOUT_S)
        except BROKEN as error:
            structlog.get_logger().warning("skip postponed", partition=partition, reason=error_text(error))
            return
        if following is None:
            return
        async with self.ownership.busy:
            await self._cycle({partition: [replace(batch, last_offset=following - 1)]})
            state = self.ownership.ready.get(partition)
            if state and state.position == following:
                self.consumer.resume({partition: following})
                self.stops.skipped(partition, batch, following)

    def _most_records(self) -> int:
        """Return how many records to fetch: fewer if a topic only accepts small batches, as each is a round trip."""
        topics = self.scorer.topics
        smallest = min(self.scorer.limit(topics.scored), self.scorer.limit(topics.dlq))
        return min(self.max_records, max(1, smallest // _BYTES_A_RECORD))

    def _status(self) -> Status:
        """Return the worst problem, or all remarks."""
        problem = (
            self._refusal.reason
            or self.group.problem
            or (not self.ownership.joined and "joining the consumer group")
            or (self.ownership.problem or self._blocked.reason or self.stops.state)
            or (not (self.ownership.complete and self._proven) and "taking partitions over")
            or self.report.problem
        )
        if problem:
            return Status(ready=False, reason=problem)
        refused = f"model refused: {self.champion.refused}" if self.champion.refused else None
        return Status(ready=True, reason="; ".join(filter(None, (refused, self.group.remark))))

    async def _cycle(self, fetched: Mapping[int, Sequence[Record]]) -> None:
        """Run one cycle. Records of partitions that are not ready are ignored: a takeover seeks before it resumes."""
        started_s = time.perf_counter()
        ready = {partition: state for partition, state in self.ownership.ready.items() if partition in fetched}
        if not ready:
            return
        records = self._cut_replays(ready, fetched)
        failpoint("fetched")
        outcomes = self._with_leaders(await self._decide(ready, records))
        failpoint("decided")
        if not outcomes:
            return
        decided_s = time.perf_counter()
        committed = await self._commit(ready, outcomes)
        ended_s = time.perf_counter()
        for outcome in committed:
            ready[outcome.partition].position = outcome.last + 1
        if committed:
            self.watchdog.progress()
            self.ownership.succeeded()
            self.report.committed(committed, self.champion.reference, ended_s - started_s, ended_s - decided_s)

    def _with_leaders(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Return the outcomes without partitions that lack a leader: a transaction with one of them could not end."""
        owner, publishable = self.ownership.owner, []
        for outcome in outcomes:
            topics = (topic for topic, batch in outcome.messages.items() if batch)
            without = next((topic for topic in topics if not owner.has_leader(topic, outcome.partition)), None)
            if without is None:
                publishable.append(outcome)
            else:
                self.ownership.retake([outcome.partition], f"partition {outcome.partition} of {without} has no leader")
        return publishable

    async def _commit(self, ready: Mapping[int, PartitionState], outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        """Publish, store and commit all partitions together; return the committed outcomes.

        If one fails in a transaction, nothing is committed: it is taken over again later, the others immediately.
        """
        committed: Sequence[Outcome] = ()
        if self.ownership.owner.is_stuck:
            await self.ownership.replace_owner()
            return committed
        try:
            committed = await self._transact(ready, outcomes)
        except _EXPECTED as error:
            self._handle_failures(dict.fromkeys(ready, error))
        if len(committed) < len(outcomes):
            await self.ownership.replace_owner()
        return committed

    async def _transact(self, ready: Mapping[int, PartitionState], outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        owner = self.ownership.owner
        failed = await owner.send(
            {(topic, one.partition): batch for one in outcomes for topic, batch in one.messages.items() if batch}
        )
        self._handle_failures(failed)
        failpoint("sent")
        if failed and owner.transactional:
            return ()
        sent = [outcome for outcome in outcomes if outcome.partition not in failed]
        stored, _ = await _both(
            self._store(ready, sent), owner.send_offsets({outcome.partition: outcome.last + 1 for outcome in sent})
        )
        failpoint("stored")
        if not stored or (len(stored) < len(outcomes) and owner.transactional):
            return ()
        self.consumer.fetch_ahead()
        await owner.commit({outcome.partition: outcome.last + 1 for outcome in stored})
        failpoint("committed")
        return stored

    def _cut_replays(
        self, ready: Mapping[int, PartitionState], fetched: Mapping[int, Sequence[Record]]
    ) -> dict[int, Sequence[Record]]:
        """Cut batches at the end of a replay: the journal has one batch's rows, all stored or all new."""
        records = {}
        for partition, state in ready.items():
            batch = fetched[partition]
            if batch[0].offset <= state.replay_until < batch[-1].offset:
                batch = [record for record in batch if record.offset <= state.replay_until]
                self.consumer.resume({partition: batch[-1].offset + 1})
            elif batch[0].offset > state.replay_until:
                state.rows = {}
            records[partition] = batch
        return records

    async def _decide(
        self, ready: Mapping[int, PartitionState], records: Mapping[int, Sequence[Record]]
    ) -> list[Outcome]:
        stored = {partition: state.rows for partition, state in ready.items() if state.rows}
        if self.scorer.model is not self.champion.model:
            self.scorer = replace(self.scorer, model=self.champion.model)
        scorer = self.scorer
        scored_at = utc_text(datetime.now(UTC))
        try:
            if sum(map(len, records.values())) <= _INLINE_RECORDS:
                return scorer.decide(records, stored, scored_at)
            # in a thread, so that the work does not delay the group's heartbeats
            return await asyncio.to_thread(scorer.decide, records, stored, scored_at)
        except ModelUnfitError as error:
            self._block(ready, f"the model failed: {error}")
            return []

    def _handle_failures(self, failed: Mapping[int, BaseException]) -> None:
        """Schedule another takeover of failed partitions. Raises unexpected errors, which are bugs."""
        for error in failed.values():
            if not isinstance(error, _EXPECTED):
                raise error
        for reason, partitions in _by_text(failed).items():
            error = failed[partitions[0]]
            if isinstance(error, BROKEN):
                self.ownership.retake(partitions, reason, fenced=isinstance(error, FENCED_ERRORS))
            else:
                self._block(partitions, reason, logged=True)

    async def _store(self, ready: Mapping[int, PartitionState], outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Append to the CSV; return the outcomes it now has, without partitions that another replica has taken over."""
        if not outcomes:
            return []
        try:
            held = await asyncio.to_thread(
                self.sink.append, [_batch(outcome, ready[outcome.partition]) for outcome in outcomes]
            )
        except SinkUnavailableError as error:
            self._block([outcome.partition for outcome in outcomes], str(error))
            return []
        lost = [outcome.partition for outcome in outcomes if outcome.partition not in held]
        self.ownership.retake(lost, "another replica has taken the partition over", fenced=True)
        return [outcome for outcome in outcomes if outcome.partition in held]

    def _block(self, partitions: Collection[int], reason: str, *, logged: bool = False) -> None:
        ready = self.ownership.ready
        self._blocked.add(
            {partition: ready[partition].position for partition in partitions if partition in ready}, reason
        )
        self.ownership.retake(partitions, reason, logged=logged)

    def _settle(self) -> None:
        if self.ownership.joined:
            positions = {partition: state.position for partition, state in self.ownership.ready.items()}
            self._blocked.settle(self.ownership.assigned, positions)


async def _both(first: Awaitable[T], second: Awaitable[U]) -> tuple[T, U]:
    """Await both and return their results; raise an error only after both have ended."""
    tasks = asyncio.ensure_future(first), asyncio.ensure_future(second)
    await asyncio.wait(tasks)
    return await tasks[0], await tasks[1]


def _by_text(failed: Mapping[int, BaseException]) -> dict[str, list[int]]:
    """Group the partitions by the text of their error."""
    groups: dict[str, list[int]] = {}
    for partition, error in failed.items():
        groups.setdefault(error_text(error), []).append(partition)
    return groups


def _batch(outcome: Outcome, state: PartitionState) -> Batch:
    return Batch(
        partition=outcome.partition,
        token=state.token,
        base=state.position,
        last=outcome.last,
        fingerprint=outcome.fingerprint,
        rows=outcome.rows,
    )
