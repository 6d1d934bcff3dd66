"""The scorer's consumer: group membership, and the records of partitions that have been resumed.

aiokafka returns records while an assignment is still being prepared, and swallows the errors of a rebalance listener;
so every partition starts paused here, and only its owner resumes it.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import (
    CommitFailedError,
    InconsistentGroupProtocolError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from fraudstream.kafka.allowance import fetch
from fraudstream.kafka.connection import BROKEN, client_options
from fraudstream.kafka.fetch_gate import FetchGate
from fraudstream.kafka.group_requests import Membership
from fraudstream.kafka.reading import fingerprint_at, offset_after, undecoded_batch
from fraudstream.kafka.rights import Rights
from fraudstream.offsets import Log
from fraudstream.record import Record, Unreadable
from fraudstream.runtime.settings import KafkaSettings

CLIENT_ID = "fraudstream-scorer"
"""Prefix of the scorers' client ids, by which they recognize each other among the members of the group."""
ASSIGNOR = "fraudstream"
"""The assignor's name: a group admits only members with a common assignor, so none of an older release."""
NOT_ADMITTED = (CommitFailedError, InconsistentGroupProtocolError)
"""Errors by which a group rejects the commit of a start, and a member, because of its current members."""

_SESSION_TIMEOUT_MS = 10_000
# the response tells a member of a rebalance: a failover takes the session timeout plus this interval
_HEARTBEAT_MS = 1_000
_REBALANCE_TIMEOUT_MS = 60_000
_FETCH_BYTES = 16 << 20
_FETCH_WAIT_MS = 500
# of a broker that does not end a wait when records arrive, so half of it is added to the latency; 4 % of a core
_POLL_MS = 10
_POSITION_TIMEOUT_S = 1.0
_RETRY_STOPPED_S = 5.0
_SMALL_SHARE = 10


class _Assignor(StickyPartitionAssignor):
    name = ASSIGNOR


class InputConsumer:
    """A member of the consumer group that reads one topic; after `stop`, `start` begins another membership."""

    def __init__(self, kafka: KafkaSettings, topic: str, group: str, *, wakes_fetches: bool = True) -> None:
        """`wakes_fetches`: see `Cluster`."""
        self._kafka = kafka
        self._topic = topic
        self._group = group
        self._wakes_fetches = wakes_fetches
        self._rights = Rights(kafka=kafka, topics={topic: ("Read",)}, group=group)
        self._stopped: dict[int, Unreadable] = {}
        self._polled_ms: dict[int, int | None] = {}
        """The time of the last fetch response with a partition before it was resumed, by partition."""
        self._retry_s = 0.0
        self._gate: FetchGate | None = None
        self._consumer: Any = None

    @property
    def stopped_at(self) -> Mapping[int, Unreadable]:
        """The batch that can't be decoded and at which a partition is stopped, by partition."""
        return self._stopped

    async def start(self) -> None:
        """Connect with a new client."""
        self._consumer = AIOKafkaConsumer(
            **client_options(self._kafka),
            client_id=f"{CLIENT_ID}-{socket.gethostname()}",
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            session_timeout_ms=_SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=_HEARTBEAT_MS,
            rebalance_timeout_ms=_REBALANCE_TIMEOUT_MS,
            max_poll_interval_ms=2**31 - 1,  # progress is checked by the scorer's own watchdog
            fetch_max_bytes=_FETCH_BYTES,
            fetch_max_wait_ms=_FETCH_WAIT_MS if self._wakes_fetches else _POLL_MS,
            partition_assignment_strategy=[_Assignor],
        )
        with self._rights.needed():
            await self._consumer.start()
        self._gate = FetchGate(self._consumer)

    def join(
        self, *, assigned: Callable[[frozenset[int], Membership], None], revoked: Callable[[], Awaitable[None]]
    ) -> None:
        """Join the group in the background; all assigned partitions are paused.

        *revoked* is awaited before other members get the partitions; it must be quick.
        """

        def assign(places: Collection[TopicPartition]) -> None:
            self._stopped.clear()
            # first: aiokafka already fetches from a position that it read too early
            self._consumer.pause(*places)
            coordinator = self._consumer._coordinator  # noqa: SLF001
            membership = Membership(member_id=coordinator.member_id, generation=coordinator.generation)
            assigned(frozenset(place.partition for place in places), membership)

        self._consumer.subscribe([self._topic], listener=_Listener(assign, revoked))

    async def stop(self) -> None:
        """Leave the group and disconnect."""
        if self._consumer is not None:
            await self._consumer.stop()

    async def fetch(self, timeout_ms: int, max_records: int) -> dict[int, Sequence[Record]]:
        """Return fetched records, by partition. Call it even when nothing is assigned, or the member can't rejoin.

        A damaged record is an `Unreadable`; a partition whose next batch can't be decoded stops: see `stopped_at`.

        Raises OffsetDeletedError where retention has deleted the position, KafkaError where membership is lost, and
        AccessRefusedError where this user may not join the group, or not read the topic.
        """
        self._retry_stopped()
        self.fetch_ahead()
        try:
            with self._rights.needed():
                records = await fetch(self._consumer, timeout_ms=timeout_ms, max_records=max_records)
        except NoOffsetForPartitionError:
            return {}  # the owner is about to seek
        except OffsetOutOfRangeError as error:
            raise OffsetDeletedError({partition.partition for partition in error.args[0]}) from None
        if self._gate and sum(map(len, records.values())) < max_records // _SMALL_SHARE:
            self._gate.close()
        return {place.partition: some for place, all_ in records.items() if (some := self._stop_undecoded(place, all_))}

    def fetch_ahead(self) -> None:
        """Begin to fetch the records that the next `fetch` returns, unless a fetch has begun."""
        if self._gate:
            self._gate.open()

    def pause(self, partitions: Collection[int]) -> None:
        """Stop fetching from these partitions."""
        self._forget_stopped(partitions)
        self._consumer.pause(*self._only_assigned(partitions))

    def resume(self, positions: Mapping[int, int]) -> None:
        """Fetch from these partitions again, from these offsets."""
        self._forget_stopped(positions)
        for partition in self._only_assigned(positions):
            self._consumer.seek(partition, positions[partition.partition])
            self._consumer.resume(partition)
            self._polled_ms[partition.partition] = self._consumer.last_poll_timestamp(partition)

    def has_answer(self, partitions: Collection[int]) -> bool:
        """Return whether each of these partitions was in a fetch response, even without records, since it was resumed.

        The next `fetch` returns the records of these responses.
        """
        return all(
            self._consumer.last_poll_timestamp(one) != self._polled_ms.get(one.partition)
            for one in self._only_assigned(partitions)
        )

    async def committed(self, partition: int) -> int | None:
        """Return the group's committed offset, read from the broker."""
        with self._rights.needed():
            offset: int | None = await self._consumer.committed(TopicPartition(self._topic, partition))
            return offset

    async def logs(self, partitions: Collection[int]) -> dict[int, Log]:
        """Return each partition's retained range, without fingerprints."""
        wanted = [TopicPartition(self._topic, partition) for partition in partitions]
        with self._rights.needed():
            starts = await self._consumer.beginning_offsets(wanted)
            ends = await self._consumer.end_offsets(wanted)
        return {one.partition: Log(start=starts[one], end=ends[one], fingerprint=None) for one in wanted}

    async def position(self, partition: int) -> int | None:
        """Return the offset after the last record fetched; None before the first one, or after a revocation."""
        try:
            async with asyncio.timeout(_POSITION_TIMEOUT_S):
                offset: int = await self._consumer.position(TopicPartition(self._topic, partition))
                return offset
        except BROKEN:
            return None

    async def offset_after(self, partition: int, batch: Unreadable) -> int:
        """Return the first offset after *batch* at which the broker serves something else."""
        return await offset_after(self._kafka, self._topic, partition, batch)

    async def fingerprint_at(self, partition: int, offset: int) -> int | None:
        """Return the fingerprint of the record at *offset*; None where it is not retained."""
        return await fingerprint_at(self._kafka, self._topic, partition, offset)

    def _stop_undecoded(self, place: TopicPartition, records: Sequence[Record]) -> Sequence[Record]:
        """Return the records before a batch that can't be decoded, and stop the partition there."""
        batch = undecoded_batch(records[-1])
        if batch is None:
            self._stopped.pop(place.partition, None)
            return records
        self._consumer.pause(place)
        self._stopped[place.partition] = batch
        self._retry_s = asyncio.get_running_loop().time() + _RETRY_STOPPED_S
        return records[:-1]

    def _retry_stopped(self) -> None:
        """Fetch batches that can't be decoded again every 5 s: they may have been damaged in transit only."""
        if self._stopped and asyncio.get_running_loop().time() >= self._retry_s:
            self._retry_s += _RETRY_STOPPED_S
            self._consumer.resume(*self._only_assigned(self._stopped))

    def _forget_stopped(self, partitions: Collection[int]) -> None:
        for partition in partitions:
            self._stopped.pop(partition, None)

    def _only_assigned(self, partitions: Collection[int]) -> list[TopicPartition]:
        assigned = self._consumer.assignment()
        wanted = [TopicPartition(self._topic, partition) for partition in partitions]
        return [partition for partition in wanted if partition in assigned]


class _Listener(ConsumerRebalanceListener):
    def __init__(
        self, assign: Callable[[Collection[TopicPartition]], None], revoke: Callable[[], Awaitable[None]]
    ) -> None:
        self._assign = assign
        self._revoke = revoke

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._assign(assigned)

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:  # noqa: ARG002 - always all of them
        await self._revoke()


class OffsetDeletedError(Exception):
    """Retention has deleted the position of these partitions."""

    def __init__(self, partitions: set[int]) -> None:
        super().__init__(partitions)
        self.partitions = partitions
