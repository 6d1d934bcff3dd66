"""Partitions owned by this member, and how each is taken over; a partition is only used after its takeover."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog

from fraudstream.csv_file.protocol import Holding, Row, Sink
from fraudstream.errors import KafkaSetupError, SinkUnavailableError
from fraudstream.kafka.connection import BROKEN
from fraudstream.kafka.consumer import InputConsumer
from fraudstream.kafka.group_requests import LEFT_GROUP, Membership
from fraudstream.kafka.owner import Owner
from fraudstream.offsets import Case, Decided, Log, Resume, needs_fingerprint, resume
from fraudstream.runtime.failpoints import failpoint
from fraudstream.runtime.metrics import FAILED, FENCED, ScorerMetrics

_FIRST_RETRY_S = 0.5
_LONGEST_RETRY_S = 10.0
# longer than the group's heartbeat interval: within it a member learns that it has lost its partitions
_FENCED_WAIT_S = 4.0
# a refusal lasts until a user changes a topic's setting or grants a right
_REFUSED_WAIT_S = 5.0
_COMMITTED_TIMEOUT_S = 5.0

T = TypeVar("T")
_MEANINGS = {
    Case.CSV_BEGINS_HERE: "the CSV has no rows of the partition yet; continuing at the committed offset",
    Case.OFFSETS_EXPIRED: "the group's committed offset is gone; continuing after the last row of the CSV",
    Case.RETENTION_PASSED: "retention deleted payments, or transaction markers, before they were scored",
    Case.GROUP_RESET_BACK: "the group was reset to offsets already scored; continuing after the last row of the CSV",
    Case.GROUP_AHEAD: "the offsets between are not in this CSV: another host scored them, or a reset skipped them",
    Case.TOPIC_RECREATED: "the topic was re-created; the previous CSV is renamed, continuing at the topic's beginning",
}


@dataclass(slots=True, kw_only=True)
class PartitionState:
    """A ready partition: the sink's token for it, and the rows that a replay must repeat.

    `position` is the committed offset, or the one to resume from. The next batch begins there; its first record may
    have a higher offset, where other producers' transactions have left offsets without a record.
    """

    token: int
    position: int
    rows: Mapping[int, Row] = field(default_factory=dict)
    replay_until: int = -1


class Ownership:
    """Assigned partitions, taken over in the background and again after each error; `ready` are those taken over.

    All ready partitions are registered with `owner`. One takeover runs at a time.
    """

    def __init__(
        self, sink: Sink, make_owner: Callable[[], Owner], first: Mapping[int, int], metrics: ScorerMetrics
    ) -> None:
        """`first` holds the start offsets, by partition, that this process committed for a new group."""
        self.ready: dict[int, PartitionState] = {}
        self.membership: Membership | None = None
        self._sink = sink
        self._make_owner = make_owner
        self._first = first
        self._metrics = metrics
        self._assigned: frozenset[int] = frozenset()
        self._problems: dict[int, str] = {}
        self._retries = 0
        self._failure: BaseException | None = None
        self._consumer: InputConsumer | None = None
        self._owner: Owner | None = None
        self._fenced = False
        self._ended: set[str] = set()
        self._one_at_a_time = asyncio.Lock()
        self._takeovers: set[asyncio.Task[None]] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger()

    @property
    def joined(self) -> bool:
        """Whether this member has an assignment, which may be empty."""
        return self.membership is not None

    @property
    def owner(self) -> Owner:
        """The owner with which all ready partitions are registered."""
        assert self._owner is not None, "a partition is ready first"  # noqa: S101
        return self._owner

    @property
    def assigned(self) -> frozenset[int]:
        """The partitions assigned to this member, ready or not."""
        return self._assigned

    async def position(self, partition: int) -> int | None:
        """Return the offset to be scored next; None if unknown.

        For a ready partition this is the consumer's position, which is past transaction markers; for others, whose
        fetched records are discarded, the committed offset.
        """
        if partition in self.ready:
            return await self.consumer.position(partition)
        try:
            async with asyncio.timeout(_COMMITTED_TIMEOUT_S):
                return await self.consumer.committed(partition)
        except (KafkaSetupError, *BROKEN):
            return None

    @property
    def complete(self) -> bool:
        """Whether every assigned partition is ready; true for a member that has none."""
        return self.joined and self.ready.keys() == self._assigned

    @property
    def problem(self) -> str | None:
        """The reason why partitions can't be taken over, if any."""
        return next(iter(self._problems.values()), None)

    @property
    def consumer(self) -> InputConsumer:
        """The consumer that is assigned the partitions."""
        assert self._consumer is not None, "use() comes first"  # noqa: S101
        return self._consumer

    def use(self, consumer: InputConsumer) -> None:
        """Set the consumer."""
        self._consumer = consumer

    def take(self, partitions: frozenset[int], membership: Membership) -> None:
        """Start to take over exactly these partitions, which the group has assigned; they are paused."""
        self.membership = membership
        self._assigned = partitions
        self._log.info("partitions assigned", partitions=sorted(partitions))
        self._start(partitions)

    async def give_up(self) -> None:
        """Release all partitions, before other members get them. No cycle may be running."""
        takeovers = list(self._takeovers)
        for task in takeovers:
            task.cancel()
        await asyncio.gather(*takeovers, return_exceptions=True)
        self.ready, self._assigned, self._problems, self.membership = {}, frozenset(), {}, None
        owner, self._owner = self._owner, None
        if owner is not None:
            self._close(owner)
        await asyncio.gather(*self._closing)

    def retake(self, partitions: Collection[int], reason: str, *, fenced: bool = False, logged: bool = False) -> None:
        """Discard these partitions' state and take them over again, with a delay that grows on each failure in a row.

        A reason that is already `logged`, such as a refusal, is not logged as a warning again, and its delay is 5 s.
        """
        failed = frozenset(partition for partition in partitions if self.ready.pop(partition, None))
        if not failed:
            return
        wait_s = _REFUSED_WAIT_S if logged else min(_FIRST_RETRY_S * 2**self._retries, _LONGEST_RETRY_S)
        self._retries += not logged
        self._fenced = self._fenced or fenced
        report = self._log.debug if logged else self._log.warning
        report("partitions taken over again", partitions=sorted(failed), reason=reason)
        self.consumer.pause(failed)
        self._start(failed, max(wait_s, _FENCED_WAIT_S) if fenced else wait_s)

    async def replace_owner(self) -> None:
        """Abort the owner's transaction, and immediately register the partitions that are still ready with a new owner.

        If another owner has fenced this one, wait first: this member may have lost all its partitions.
        """
        owner, fenced, self._fenced = self.owner, self._fenced, False
        healthy, self.ready, self._owner = frozenset(self.ready), {}, None
        self.consumer.pause(healthy)
        self._metrics.producers_replaced.labels(FENCED if fenced else FAILED).inc()
        if await owner.abandon():
            self._ended.add(owner.id)
        self._close(owner)
        self._start(healthy, _FENCED_WAIT_S if fenced else 0.0)

    def succeeded(self) -> None:
        """Reset the retry delay, after a committed cycle."""
        self._retries = 0

    def _close(self, owner: Owner) -> None:
        task = asyncio.get_running_loop().create_task(self._close_when_idle(owner))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close_when_idle(self, owner: Owner) -> None:
        async with self._one_at_a_time:  # a running takeover may still use its connection
            pass
        await owner.close()

    def _start(self, partitions: frozenset[int], wait_s: float = 0.0) -> None:
        if partitions:
            task = asyncio.get_running_loop().create_task(self._take_over(partitions, wait_s))
            self._takeovers.add(task)
            task.add_done_callback(self._finish_takeover)

    def _finish_takeover(self, task: asyncio.Task[None]) -> None:
        self._takeovers.discard(task)
        if not task.cancelled() and (failure := task.exception()):
            self._failure = failure

    def check(self) -> None:
        """Raise the unexpected error that ended a takeover, if any."""
        if self._failure:
            raise self._failure

    async def _take_over(self, partitions: frozenset[int], wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        retry_s = _FIRST_RETRY_S
        while True:
            async with self._one_at_a_time:
                partitions -= await self._try_take_over(partitions)
            if not partitions:
                return
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, _LONGEST_RETRY_S)

    async def _try_take_over(self, partitions: frozenset[int]) -> frozenset[int]:
        """Take over the partitions that can be now; return those that need no further attempt by this task."""
        owner = None
        try:
            owner = await self._running_owner()
            ready = await self._prepare(owner, partitions)
        except LEFT_GROUP as error:  # the client joins again; another attempt would only fence the new owner again
            self._log.debug("partitions not registered", partitions=sorted(partitions), reason=type(error).__name__)
            return partitions
        except (SinkUnavailableError, KafkaSetupError, *BROKEN) as error:
            if owner is self._owner:
                self._block(partitions, str(error) or type(error).__name__)
            if len(partitions) == 1:
                return frozenset()
            for partition in partitions:  # the cause may concern only one of them
                self._start(frozenset({partition}), _FIRST_RETRY_S)
            return partitions
        if owner is not self._owner:  # replaced meanwhile: it must not publish any more
            return frozenset()
        failpoint("resuming")
        self.consumer.resume({partition: state.position for partition, state in ready.items()})
        ended = [self._problems.pop(partition) for partition in ready if partition in self._problems]
        if ended:
            self._log.info("partitions ready again", partitions=sorted(ready))
        self.ready.update(ready)
        return frozenset(ready)

    async def _running_owner(self) -> Owner:
        if self._owner is None:
            owner = self._make_owner()
            try:
                await owner.start()
            except BaseException:
                await owner.close()
                raise
            self._owner = owner
        return self._owner

    def _block(self, partitions: Collection[int], reason: str) -> None:
        if reason not in self._problems.values():
            self._log.error("partitions not ready", partitions=sorted(partitions), reason=reason)
        self._problems.update(dict.fromkeys(partitions, reason))

    async def _prepare(self, owner: Owner, partitions: frozenset[int]) -> dict[int, PartitionState]:
        """Fence all other owners, read the committed offsets, take the sink's tokens, register: in this order.

        The log's end is read after the token: then the journal's last offset is before it, unless the topic is new.
        Changes that require the current group generation are made only after `register` has validated it.
        """
        committed, blocked = await owner.fence_others(partitions, self._ended)
        failpoint("fenced")
        for reason in set(blocked.values()):
            self._block([partition for partition in blocked if blocked[partition] == reason], reason)
        if not committed:
            return {}
        holdings = await _uncancelled(asyncio.to_thread(self._sink.acquire, list(committed)))
        failpoint("token_taken")
        logs = await self.consumer.logs(committed)
        starts = {
            partition: await self._resume(partition, committed[partition], holdings[partition].decided, logs[partition])
            for partition in committed
        }
        assert self.membership is not None, "give_up() ends takeovers first"  # noqa: S101
        failpoint("registering")
        await owner.register(self.membership, {partition: start.position for partition, start in starts.items()})
        failpoint("registered")
        renewed = [partition for partition, start in starts.items() if start.case is Case.TOPIC_RECREATED]
        if renewed:
            tokens = {partition: holdings[partition].token for partition in renewed}
            await _uncancelled(asyncio.to_thread(self._sink.forget, tokens))
        return {partition: _state(holdings[partition], start) for partition, start in starts.items()}

    async def _resume(self, partition: int, committed: int | None, decided: Decided | None, log: Log) -> Resume:
        if decided is not None and needs_fingerprint(committed, decided) and log.start <= decided.offset < log.end:
            actual = await self.consumer.fingerprint_at(partition, decided.offset)
            log = Log(start=log.start, end=log.end, fingerprint=actual)
        start = resume(committed, decided, log, self._first.get(partition))
        self._metrics.records_lost.inc(start.lost)
        meaning = _MEANINGS.get(start.case)
        if meaning:
            report = self._log.error if start.lost else self._log.warning
            report(
                start.case.value.replace("_", " "),
                partition=partition,
                position=start.position,
                committed=committed,
                last_row=decided.offset if decided else None,
                meaning=meaning,
                **({"lost": start.lost} if start.lost else {}),
            )
        return start


def _state(holding: Holding, start: Resume) -> PartitionState:
    state = PartitionState(token=holding.token, position=start.position)
    if holding.decided is not None and start.case is not Case.TOPIC_RECREATED:
        state.rows, state.replay_until = holding.rows, holding.decided.offset
    return state


async def _uncancelled(work: Coroutine[Any, Any, T]) -> T:
    """Await `work`; if cancelled, wait for its end before raising: a thread can't be cancelled."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
