"""Which partitions are ours, and how one is taken over: nothing of it is touched before all of that is done."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import structlog

from fraudstream.errors import KafkaSetupError, SinkUnavailableError
from fraudstream.failpoints import failpoint
from fraudstream.kafka.connection import BROKEN
from fraudstream.kafka.consumer import InputConsumer
from fraudstream.kafka.outlet import Outlet
from fraudstream.metrics import FAILED, FENCED, ScorerMetrics
from fraudstream.offsets import Case, Decided, Log, Resume, needs_fingerprint, resume
from fraudstream.sinks.protocol import Holding, Row, Sink

_FIRST_RETRY_S = 0.5
_LONGEST_RETRY_S = 10.0
# longer than the group's heartbeat interval: whoever lost the partition to another member has heard of it by then
_FENCED_WAIT_S = 4.0
# only somebody who changes a topic or grants a right ends it
_REFUSED_WAIT_S = 5.0
_COMMITTED_TIMEOUT_S = 5.0
_WORDS = {
    Case.CSV_BEGINS_HERE: "the CSV has nothing of the partition so far; going on at the committed offset",
    Case.OFFSETS_EXPIRED: "the group's committed offset is gone; going on behind the last row of the CSV",
    Case.RETENTION_PASSED: "retention has deleted payments, or markers of transactions, before they were scored",
    Case.GROUP_RESET_BACK: "the group was reset to what is scored already; going on behind the last row of the CSV",
    Case.GROUP_AHEAD: "what lies between is not in this CSV: another host scored it, or a reset passed over it",
    Case.TOPIC_RECREATED: "the topic was made anew; the former CSV is set aside, going on at the topic's beginning",
}


@dataclass(slots=True, kw_only=True)
class Lane:
    """A partition that is ready: its way out, the token it writes with, and what a replay must repeat.

    `position` is what the group has committed, or will go on from: where the next batch begins, which is before its
    first record where other producers' transactions have left offsets without one.
    """

    outlet: Outlet
    token: int
    position: int
    rows: Mapping[int, Row] = field(default_factory=dict)
    replay_until: int = -1


class Ownership:
    """Takes assigned partitions over in the background, and again after each error; `lanes` are ready ones."""

    def __init__(
        self, sink: Sink, outlet: Callable[[int], Outlet], first: Mapping[int, int], metrics: ScorerMetrics
    ) -> None:
        """`first` holds the offsets, by partition, from which this process has made a new group begin."""
        self.lanes: dict[int, Lane] = {}
        self.joined = False
        self._sink = sink
        self._outlet = outlet
        self._first = first
        self._metrics = metrics
        self._assigned: frozenset[int] = frozenset()
        self._troubles: dict[int, str] = {}
        self._setbacks = 0
        self._failure: BaseException | None = None
        self._consumer: InputConsumer | None = None
        self._former: set[Outlet] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger()

    @property
    def assigned(self) -> frozenset[int]:
        """The partitions that the group has given us, ready or not."""
        return self._assigned

    async def position(self, partition: int) -> int | None:
        """The offset that is to be scored next; None if unknown.

        The consumer's, which is past transactions' markers; but where a partition is not ready, what has been fetched
        of it counts for nothing, and the committed offset says how far it is.
        """
        if partition in self.lanes:
            return await self.consumer.position(partition)
        try:
            async with asyncio.timeout(_COMMITTED_TIMEOUT_S):
                return await self.consumer.committed(partition)
        except (KafkaSetupError, *BROKEN):
            return None

    @property
    def complete(self) -> bool:
        """Whether every assigned partition is ready; true for a member that has none."""
        return self.joined and self.lanes.keys() == self._assigned

    @property
    def trouble(self) -> str | None:
        """Why partitions can't be taken over, if there is a reason."""
        return next(iter(self._troubles.values()), None)

    @property
    def consumer(self) -> InputConsumer:
        """The consumer whose partitions these are."""
        assert self._consumer is not None, "use() comes first"  # noqa: S101
        return self._consumer

    def use(self, consumer: InputConsumer) -> None:
        """Work with this consumer from now on."""
        self._consumer = consumer

    def take(self, partitions: frozenset[int]) -> None:
        """The group has assigned exactly these partitions; they are paused."""
        self.joined = True
        self._assigned = partitions
        self._log.info("partitions assigned", partitions=sorted(partitions))
        self._start(partitions)

    async def give_up(self) -> None:
        """Let all partitions go, before others may have them. No cycle may be under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        lanes, self.lanes, self._assigned, self._troubles = self.lanes, {}, frozenset(), {}
        self.joined = False
        former, self._former = self._former, set()
        await asyncio.gather(*(outlet.close() for outlet in {lane.outlet for lane in lanes.values()} | former))

    def retake(self, partitions: Collection[int], reason: str, *, fenced: bool = False, logged: bool = False) -> None:
        """These partitions failed: drop what we have of them and take them over anew, later each time in a row.

        A reason that was `logged` before, such as a refusal, is not logged again, and the wait is always 5 s.
        """
        failed = {partition: self.lanes.pop(partition) for partition in partitions if partition in self.lanes}
        if not failed:
            return
        wait_s = _REFUSED_WAIT_S if logged else min(_FIRST_RETRY_S * 2**self._setbacks, _LONGEST_RETRY_S)
        self._setbacks += not logged
        self._metrics.producers_replaced.labels(FENCED if fenced else FAILED).inc(len(failed))
        report = self._log.debug if logged else self._log.warning
        report("partitions taken over again", partitions=sorted(failed), reason=reason)
        self.consumer.pause(failed)
        self._former |= {lane.outlet for lane in failed.values()}
        self._start(frozenset(failed), max(wait_s, _FENCED_WAIT_S) if fenced else wait_s)

    def succeeded(self) -> None:
        """A cycle was committed: the next setback is a first one again."""
        self._setbacks = 0

    def _start(self, partitions: frozenset[int], wait_s: float = 0.0) -> None:
        if partitions:
            task = asyncio.get_running_loop().create_task(self._take_over(partitions, wait_s))
            self._tasks.add(task)
            task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()):
            self._failure = failure

    def check(self) -> None:
        """Raise what ended a takeover for which there is no rule."""
        if self._failure:
            raise self._failure

    async def _take_over(self, partitions: frozenset[int], wait_s: float) -> None:
        former = list(self._former)
        await asyncio.gather(*(outlet.close() for outlet in former))
        self._former.difference_update(former)
        await asyncio.sleep(wait_s)
        retry_s = _FIRST_RETRY_S
        while not await self._taken(partitions):
            if len(partitions) > 1:  # what ails one must not hold up the others
                for partition in partitions:
                    self._start(frozenset({partition}), retry_s)
                return
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, _LONGEST_RETRY_S)

    async def _taken(self, partitions: frozenset[int]) -> bool:
        outlets = {partition: self._outlet(partition) for partition in partitions}
        try:
            lanes = await self._prepare(outlets)
            failpoint("resuming")
            self.consumer.resume({partition: lane.position for partition, lane in lanes.items()})
        except (SinkUnavailableError, KafkaSetupError, *BROKEN) as error:
            await asyncio.gather(*(outlet.close() for outlet in outlets.values()))
            self._hindered(partitions, str(error) or type(error).__name__)
            return False
        except BaseException:
            await asyncio.gather(*(outlet.close() for outlet in outlets.values()))
            raise
        if any(self._troubles.pop(partition, None) for partition in partitions):
            self._log.info("partitions ready again", partitions=sorted(partitions))
        self.lanes.update(lanes)
        return True

    def _hindered(self, partitions: Collection[int], reason: str) -> None:
        if reason not in self._troubles.values():
            self._log.error("partitions not ready", partitions=sorted(partitions), reason=reason)
        self._troubles.update(dict.fromkeys(partitions, reason))

    async def _prepare(self, outlets: Mapping[int, Outlet]) -> dict[int, Lane]:
        """In this order: fence the former owner, read what is committed, take the sink's token."""
        consumer = self.consumer
        # all come to an end, or one that fails would be closed while the others still open connections
        starts_done = await asyncio.gather(*(outlet.start() for outlet in outlets.values()), return_exceptions=True)
        for error in (done for done in starts_done if done is not None):
            raise error
        failpoint("fenced")
        committed = {partition: await consumer.committed(partition) for partition in outlets}
        logs = await consumer.logs(outlets)
        holdings = await asyncio.to_thread(self._sink.acquire, list(outlets))
        failpoint("token_taken")
        starts = {
            partition: await self._resume(partition, committed[partition], holdings[partition].decided, logs[partition])
            for partition in outlets
        }
        # before anything is decided: the journal's next batch begins there, and must be found within reach of it
        for partition, start in starts.items():
            if start.position != committed[partition]:
                await consumer.commit(partition, start.position)
        failpoint("position_committed")
        renewed = [partition for partition, start in starts.items() if start.case is Case.TOPIC_RECREATED]
        if renewed:
            await asyncio.to_thread(self._sink.forget, {partition: holdings[partition].token for partition in renewed})
        return {
            partition: _lane(outlet, holdings[partition], starts[partition]) for partition, outlet in outlets.items()
        }

    async def _resume(self, partition: int, committed: int | None, decided: Decided | None, log: Log) -> Resume:
        if decided is not None and needs_fingerprint(committed, decided) and log.start <= decided.offset < log.end:
            found = await self.consumer.fingerprint_at(partition, decided.offset)
            log = Log(start=log.start, end=log.end, fingerprint=found)
        start = resume(committed, decided, log, self._first.get(partition))
        self._metrics.records_lost.inc(start.lost)
        words = _WORDS.get(start.case)
        if words:
            report = self._log.error if start.lost else self._log.warning
            report(
                start.case.value.replace("_", " "),
                partition=partition,
                position=start.position,
                committed=committed,
                last_row=decided.offset if decided else None,
                meaning=words,
                **({"lost": start.lost} if start.lost else {}),
            )
        return start


def _lane(outlet: Outlet, holding: Holding, start: Resume) -> Lane:
    lane = Lane(outlet=outlet, token=holding.token, position=start.position)
    if holding.decided is not None and start.case is not Case.TOPIC_RECREATED:
        lane.rows, lane.replay_until = holding.rows, holding.decided.offset
    return lane
