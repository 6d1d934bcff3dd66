"""The owner of partitions: one transactional producer, with a unique id, for all partitions of a member.

aiokafka commits offsets in a transaction without the group's generation, so the group can't fence a process that was
paused. The owner's transactional id is therefore committed as the metadata of each partition's offset, by a request
that the group checks: the next owner reads it there, and fences it. docs/architecture.md describes the protocol.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import TransactionalIdAuthorizationFailed
from aiokafka.structs import OffsetAndMetadata

from fraudstream.errors import KafkaSetupError
from fraudstream.kafka.connection import BROKEN, client_options, stopped
from fraudstream.kafka.group_requests import NO_MEMBERSHIP, CommittedOffset, GroupRequests, Membership
from fraudstream.kafka.limits import OutputLimits
from fraudstream.kafka.producing import (
    TRANSACTION_TIMEOUT_S,
    deliver,
    end_sender,
    failed_producer,
    has_leader,
    start,
    transactional,
    transactional_id,
)
from fraudstream.kafka.rights import Rights
from fraudstream.record import Message, Place
from fraudstream.runtime.failpoints import failpoint
from fraudstream.runtime.own_command import own_command
from fraudstream.runtime.settings import KafkaSettings, TopicSettings

_START_TIMEOUT_S = 30.0
_FENCE_ONE_TIMEOUT_S = 5.0
_FENCE_TIMEOUT_S = 15.0
_SEND_TIMEOUT_S = 20.0
_COMMIT_TIMEOUT_S = 15.0
_ABORT_TIMEOUT_S = 5.0
_REQUEST_BYTES = 4 << 20
_RANDOM_BYTES = 8


class Owner:
    """Producer that takes partitions over, publishes for them, and commits their offsets.

    After an error or an unknown outcome it is closed and replaced: aiokafka's producers don't recover.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        *,
        topics: TopicSettings,
        limits: OutputLimits,
        group: str,
        guarantee: Literal["exactly_once", "at_least_once"],
    ) -> None:
        self._topics = topics
        self._limits = limits
        self._group = group
        self._prefix = transactional_id(group, topics.input, "")
        self.transactional = guarantee == "exactly_once"
        self.id = transactional_id(group, topics.input, secrets.token_hex(_RANDOM_BYTES)) if self.transactional else ""
        self.in_doubt = False
        """Whether the outcome of a commit is unknown."""
        self._membership = NO_MEMBERSHIP
        self._sent: Collection[Place] = ()
        self._committed_places: Collection[Place] = ()
        self._rights = Rights(
            kafka=kafka,
            topics={topics.input: ("Read",), topics.scored: ("Write",), topics.dlq: ("Write",)},
            group=group,
            transactional_ids=self._prefix,
        )
        identity = transactional(self.id) if self.transactional else {"enable_idempotence": True}
        self._producer = AIOKafkaProducer(
            **client_options(kafka), **identity, max_request_size=_REQUEST_BYTES, linger_ms=0
        )
        self._requests = GroupRequests(self._producer.client, group, topics.input)

    async def start(self) -> None:
        """Connect and get a producer id."""
        async with self._within(_START_TIMEOUT_S):
            await start(self._producer)
            for topic in (self._topics.scored, self._topics.dlq):
                await self._producer.partitions_for(topic)

    async def fence_others(
        self, partitions: Collection[int], ended: Collection[str]
    ) -> tuple[dict[int, int | None], dict[int, str]]:
        """Fence every other owner of these partitions. Return the committed offsets, which no other process can change.

        Also returns the partitions whose owner could not be fenced in time, and why. *ended* are ids that need no
        fence: of producers of this process that were abandoned. Raises KafkaSetupError where an output topic lacks a
        partition.
        """
        fenced, blocked = {self.id, *ended}, dict[int, str]()
        async with self._within(_FENCE_TIMEOUT_S):
            await self._producer.client.force_metadata_update()  # the current partitions and leaders
            self._check_outputs(partitions)
            # the metadata names the owner despite an open transaction; waiting for that before the fence could block
            committed = await self._committed(partitions, stable=False)
            failpoint("owners_read")
            while True:
                owners = self._owners(committed)
                others = set().union(*owners.values()) - fenced
                failed = await self._fence(others)
                fenced |= others - failed.keys()
                blocked |= {
                    partition: failed[owner] for partition, ids in owners.items() for owner in ids & failed.keys()
                }
                committed = await self._committed(committed.keys() - blocked.keys(), stable=self.transactional)
                if fenced.issuperset(set().union(*self._owners(committed).values())):
                    return {partition: one.offset for partition, one in committed.items()}, blocked

    async def register(self, membership: Membership, positions: Mapping[int, int]) -> None:
        """Commit the positions with this owner's id, as a member of that generation; required before publishing.

        Raises KafkaError if the group's generation has changed: nothing is registered, or the outcome is unknown.
        """
        async with self._within(_COMMIT_TIMEOUT_S):
            await self._requests.commit(membership, positions, self.id)
        self._membership = membership

    async def send(self, messages: Mapping[Place, Sequence[Message]]) -> dict[int, BaseException]:
        """Publish *messages*, wait for the brokers, and return the error of each partition that failed."""
        async with self._within(2 * _SEND_TIMEOUT_S):
            failpoint("sending")
            if self.transactional:
                self._sent = messages.keys()
                await self._producer.begin_transaction()
            failed = await self._deliver(messages)
        return {partition: self._explain(error) for (_, partition), error in failed.items()}

    async def send_offsets(self, offsets: Mapping[int, int]) -> None:
        """Add each partition's next offset to the transaction, if any.

        Not while messages are sent: a broker checks one request of a transaction at a time, and refuses a second one
        (KIP-890), after which aiokafka pauses for 100 ms.
        """
        if not self.transactional:
            return
        places = {
            TopicPartition(self._topics.input, partition): OffsetAndMetadata(offset, self.id)
            for partition, offset in offsets.items()
        }
        async with self._within(_COMMIT_TIMEOUT_S):
            await self._producer.send_offsets_to_transaction(places, self._group)
        failpoint("offsets_sent")

    async def _deliver(self, messages: Mapping[Place, Sequence[Message]]) -> dict[Place, BaseException]:
        if self.transactional:
            return await deliver(self._producer, self._limits, messages, _SEND_TIMEOUT_S, lambda: self.is_stuck)
        # the dead letters first: messages sent before a refusal are sent again at each attempt
        first = {place: some for place, some in messages.items() if place[0] == self._topics.dlq}
        failed = await deliver(self._producer, self._limits, first, _SEND_TIMEOUT_S)
        refused = {partition for _, partition in failed}
        rest = {place: some for place, some in messages.items() if place not in first and place[1] not in refused}
        return failed | await deliver(self._producer, self._limits, rest, _SEND_TIMEOUT_S)

    async def commit(self, offsets: Mapping[int, int]) -> None:
        """Commit the transaction; without one, commit each partition's next offset."""
        async with self._within(_COMMIT_TIMEOUT_S):
            if self.transactional:
                self.in_doubt = True
                await self._producer.commit_transaction()
                self.in_doubt, self._committed_places = False, self._sent
            else:
                await self._requests.commit(self._membership, offsets, self.id)

    @property
    def is_stuck(self) -> bool:
        """Whether the last transaction may never end, because a partition in it has no leader; no other can begin."""
        return not all(self.has_leader(*place) for place in self._committed_places)

    def has_leader(self, topic: str, partition: int) -> bool:
        """Return whether the leader of this output partition is known."""
        return has_leader(self._producer, topic, partition)

    async def abandon(self) -> bool:
        """Abort the open transaction; return whether it is known to be aborted. Call only `close` afterwards."""
        if not self.transactional or self.in_doubt:
            return False
        try:
            async with asyncio.timeout(_ABORT_TIMEOUT_S):
                await end_sender(self._producer)
                manager: Any = self._producer._txn_manager  # noqa: SLF001
                if manager.has_pid():
                    await self._requests.abort(self.id, manager.producer_id, manager.producer_epoch)
        except BROKEN:
            return False
        return True

    async def close(self) -> None:
        """Disconnect, in any state; an open transaction is ended by the next owner, or by its timeout."""
        await stopped(self._producer)

    def _check_outputs(self, partitions: Collection[int]) -> None:
        cluster = self._producer.client.cluster
        for topic in (self._topics.scored, self._topics.dlq):
            known = cluster.partitions_for_topic(topic) or set()
            for partition in sorted(set(partitions) - known):
                raise KafkaSetupError(
                    f"{topic} has no partition {partition}, but {self._topics.input} has; "
                    f"add partitions with: {own_command('topics')}"
                )

    async def _committed(self, partitions: Collection[int], *, stable: bool) -> dict[int, CommittedOffset]:
        return await self._requests.committed(partitions, stable=stable) if partitions else {}

    def _owners(self, committed: Mapping[int, CommittedOffset]) -> dict[int, set[str]]:
        """Return the ids to fence for each partition: the one in its metadata, or else all that may commit."""
        return {partition: self._owners_of(partition, one) for partition, one in committed.items()}

    def _owners_of(self, partition: int, committed: CommittedOffset) -> set[str]:
        if committed.metadata.startswith(self._prefix):
            return {committed.metadata}
        if not self.transactional:
            return set()
        earlier = {f"{self._group}-{self._topics.input}-{partition}", f"{self._prefix}{partition}"}
        # a process that was paused may still commit a new group's start offsets
        return earlier if committed.offset is not None else {*earlier, f"{self._prefix}start"}

    async def _fence(self, owners: Collection[str]) -> dict[str, str]:
        """Fence all *owners* concurrently; return the reason for each that could not be fenced in time, by its id."""
        results = await asyncio.gather(*(self._fence_one(owner) for owner in owners), return_exceptions=True)
        failed = {}
        for owner, result in zip(owners, results, strict=True):
            if isinstance(result, TimeoutError):
                failed[owner] = "the previous owner's transaction can't be ended: a partition in it has no leader"
            elif result is not None:
                raise result
        return failed

    async def _fence_one(self, owner: str) -> None:
        try:
            async with asyncio.timeout(_FENCE_ONE_TIMEOUT_S):
                await self._requests.fence(owner, 1_000 * TRANSACTION_TIMEOUT_S)
        except TransactionalIdAuthorizationFailed:
            if owner.startswith(self._prefix):
                raise
            # an earlier release's id; its prefix differs if the group's name has a dash: this user never wrote with it

    def _explain(self, error: BaseException) -> BaseException:
        """Return the error that `_within` would raise in place of *error*."""
        try:
            with self._rights.needed(), failed_producer():
                raise error  # noqa: TRY301 - for these two context managers to convert
        except BaseException as explained:  # noqa: BLE001 - returned, not swallowed
            return explained

    @asynccontextmanager
    async def _within(self, timeout_s: float) -> AsyncIterator[None]:
        with self._rights.needed(), failed_producer():
            async with asyncio.timeout(timeout_s):
                yield
