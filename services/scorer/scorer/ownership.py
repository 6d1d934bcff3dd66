"""Partitions owned by this member, and how each is taken over; a partition is only used after its takeover."""

import asyncio
from collections.abc import Callable, Collection

import structlog

from fraudstream.errors import KafkaSetupError, SinkUnavailableError
from fraudstream.kafka.connection import BROKEN, error_text
from fraudstream.kafka.consumer import InputConsumer
from fraudstream.kafka.group_requests import LEFT_GROUP, Membership
from fraudstream.kafka.owner import Owner
from fraudstream.runtime.failpoints import failpoint
from fraudstream.runtime.metrics import FAILED, FENCED, ScorerMetrics
from scorer.takeover import PartitionState, Takeover

_FIRST_RETRY_S = 0.5
_LONGEST_RETRY_S = 10.0
# longer than the group's heartbeat interval: within it a member learns that it has lost its partitions
_FENCED_WAIT_S = 4.0
# a refusal lasts until a user changes a topic's setting or grants a right
_REFUSED_WAIT_S = 5.0
_COMMITTED_TIMEOUT_S = 5.0


class Ownership:
    """Assigned partitions, taken over in the background and again after each error; `ready` are those taken over.

    All ready partitions are registered with `owner`. One takeover runs at a time.
    """

    def __init__(
        self, consumer: InputConsumer, takeover: Takeover, make_owner: Callable[[], Owner], metrics: ScorerMetrics
    ) -> None:
        self.ready: dict[int, PartitionState] = {}
        self.busy = asyncio.Lock()
        """Held during a cycle, so that no partition is revoked meanwhile."""
        self._consumer = consumer
        self._takeover = takeover
        self._make_owner = make_owner
        self._metrics = metrics
        self._membership: Membership | None = None
        self._assigned: frozenset[int] = frozenset()
        self._problems: dict[int, str] = {}
        self._retries = 0
        self._failure: BaseException | None = None
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
        return self._membership is not None

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
            return await self._consumer.position(partition)
        try:
            async with asyncio.timeout(_COMMITTED_TIMEOUT_S):
                return await self._consumer.committed(partition)
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

    def take(self, partitions: frozenset[int], membership: Membership) -> None:
        """Start to take over exactly these partitions, which the group has assigned; they are paused."""
        self._membership = membership
        self._assigned = partitions
        self._log.info("partitions assigned", partitions=sorted(partitions))
        self._start(partitions)

    async def revoke(self) -> None:
        """Release all partitions after the current cycle."""
        async with self.busy:
            await self.give_up()

    async def give_up(self) -> None:
        """Release all partitions, before other members get them. No cycle may be running."""
        takeovers = list(self._takeovers)
        for task in takeovers:
            task.cancel()
        await asyncio.gather(*takeovers, return_exceptions=True)
        self.ready, self._assigned, self._problems, self._membership = {}, frozenset(), {}, None
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
        self._consumer.pause(failed)
        self._start(failed, max(wait_s, _FENCED_WAIT_S) if fenced else wait_s)

    async def replace_owner(self) -> None:
        """Abort the owner's transaction, and immediately register the partitions that are still ready with a new owner.

        If another owner has fenced this one, wait first: this member may have lost all its partitions.
        """
        owner, fenced, self._fenced = self.owner, self._fenced, False
        healthy, self.ready, self._owner = frozenset(self.ready), {}, None
        self._consumer.pause(healthy)
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
            committed, blocked = await owner.fence_others(partitions, self._ended)
            failpoint("fenced")
            for reason in set(blocked.values()):
                self._block([partition for partition in blocked if blocked[partition] == reason], reason)
            assert self._membership is not None, "give_up() ends takeovers first"  # noqa: S101
            ready = await self._takeover.run(owner, committed, self._membership) if committed else {}
        except LEFT_GROUP as error:  # the client joins again; another attempt would only fence the new owner again
            self._log.debug("partitions not registered", partitions=sorted(partitions), reason=type(error).__name__)
            return partitions
        except (SinkUnavailableError, KafkaSetupError, *BROKEN) as error:
            if owner is self._owner:
                self._block(partitions, error_text(error))
            if len(partitions) == 1:
                return frozenset()
            for partition in partitions:  # the cause may concern only one of them
                self._start(frozenset({partition}), _FIRST_RETRY_S)
            return partitions
        if owner is not self._owner:  # replaced meanwhile: it must not publish any more
            return frozenset()
        failpoint("resuming")
        self._consumer.resume({partition: state.position for partition, state in ready.items()})
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
