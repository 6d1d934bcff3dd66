"""Requests for a group's offsets and a producer's transactions, as needed to take partitions over.

aiokafka has none of these: it reads offsets that a transaction may still change, commits with the member's latest
generation, and fences a transactional id only by starting a producer with it.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import errors
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest_v3
from aiokafka.protocol.transaction import EndTxnRequest, InitProducerIdRequest
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields

from fraudstream.errors import KafkaSetupError

_UNSTABLE_OFFSET_COMMIT = 88
_STABLE_SINCE = 7
_RETRY_S = 0.005
_MARKERS_WITHIN_S = 1.0
_BROKER_RETENTION = -1
_RETRIED = (
    errors.CoordinatorLoadInProgressError,
    errors.CoordinatorNotAvailableError,
    errors.NotCoordinatorError,
    errors.ConcurrentTransactions,
)
LEFT_GROUP = (errors.IllegalGenerationError, errors.UnknownMemberIdError, errors.RebalanceInProgressError)
"""Errors of `GroupRequests.commit` if the member is no longer in that generation, or a rebalance has begun."""


@dataclass(frozen=True, slots=True)
class CommittedOffset:
    """A partition's committed offset, None before the first commit, and the metadata committed with it."""

    offset: int | None
    metadata: str


@dataclass(frozen=True, slots=True)
class Membership:
    """A member of a group in one of its generations."""

    member_id: str
    generation: int


NO_MEMBERSHIP = Membership(member_id="", generation=-1)


_TEXT, _TAGS = CompactString("utf-8"), ("tags", TaggedFields)
_OFFSET = (
    ("partition", Int32),
    ("offset", Int64),
    ("leader_epoch", Int32),
    ("metadata", _TEXT),
    ("error_code", Int16),
    _TAGS,
)


class _OffsetFetchResponseV7(Response):
    API_KEY = 9
    API_VERSION = 7
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("topics", CompactArray(("topic", _TEXT), ("partitions", CompactArray(*_OFFSET)), _TAGS)),
        ("error_code", Int16),
        _TAGS,
    )


class _OffsetFetchRequestV7(RequestStruct):
    FLEXIBLE_VERSION = True
    API_KEY = 9
    API_VERSION = _STABLE_SINCE
    RESPONSE_TYPE = _OffsetFetchResponseV7
    SCHEMA = Schema(
        ("consumer_group", _TEXT),
        ("topics", CompactArray(("topic", _TEXT), ("partitions", CompactArray(Int32)), _TAGS)),
        ("require_stable", Boolean),
        _TAGS,
    )


_OffsetFetchStruct = OffsetFetchRequest_v3 | _OffsetFetchRequestV7


class _OffsetFetch(Request[_OffsetFetchStruct]):
    """Request for the offsets of one topic; *stable* ones, which no open transaction can change, from version 7 on."""

    API_KEY = 9

    def __init__(self, group: str, topic: str, partitions: Collection[int], *, stable: bool) -> None:
        self._group = group
        self._topic = topic
        self._partitions = list(partitions)
        self._stable = stable

    def build(self, request_struct_class: type[_OffsetFetchStruct]) -> _OffsetFetchStruct:
        if request_struct_class is _OffsetFetchRequestV7:
            return _OffsetFetchRequestV7(self._group, [(self._topic, self._partitions, {})], self._stable, {})
        return request_struct_class(self._group, [(self._topic, self._partitions)])


class GroupRequests:
    """Requests through one connected client; each waits for a coordinator that is loading, or for transactions.

    Every call may block without limit: the caller sets a timeout. Raises KafkaError.
    """

    def __init__(self, client: AIOKafkaClient, group: str, topic: str) -> None:
        self._client = client
        self._group = group
        self._topic = topic

    async def committed(self, partitions: Collection[int], *, stable: bool = True) -> dict[int, CommittedOffset]:
        """Read the committed offsets; with *stable*, wait until no open transaction can change one.

        Raises KafkaSetupError if *stable* is set and the broker is older than Kafka 2.5.
        """
        request = _OffsetFetch(self._group, self._topic, partitions, stable=stable)
        while True:
            response = await self._send(CoordinationType.GROUP, self._group, request)
            if stable and response.API_VERSION < _STABLE_SINCE:
                raise KafkaSetupError("exactly_once needs Kafka 2.5 or later; set PROCESSING_GUARANTEE=at_least_once")
            offsets, codes = _offsets(response)
            if _UNSTABLE_OFFSET_COMMIT not in codes and not _must_retry(codes):
                return offsets
            await asyncio.sleep(_RETRY_S)

    async def commit(self, membership: Membership, offsets: Mapping[int, int], metadata: str) -> None:
        """Commit as this member of this generation, in one request that is sent once.

        Raises KafkaError if the group's generation has changed, or the response is lost: the outcome is then unknown.
        """
        places = [(partition, offset, metadata) for partition, offset in sorted(offsets.items())]
        request = OffsetCommitRequest(
            self._group, membership.generation, membership.member_id, _BROKER_RETENTION, [(self._topic, places)]
        )
        node = await self._client.coordinator_lookup(CoordinationType.GROUP, self._group)
        response: Any = await self._client.send(node, request, group=ConnectionGroup.COORDINATION)
        for _, partitions in response.topics:
            for _, code in partitions:
                _raise(code)

    async def fence(self, transactional_id: str, timeout_ms: int) -> None:
        """End the open transaction of this id, and fence its producers; returns when both are done."""
        request = InitProducerIdRequest(transactional_id, timeout_ms)
        while True:
            response = await self._send(CoordinationType.TRANSACTION, transactional_id, request)
            if not _must_retry({response.error_code}):
                return
            await asyncio.sleep(_RETRY_S)

    async def abort(self, transactional_id: str, producer_id: int, epoch: int) -> None:
        """Abort this producer's open transaction, if any.

        No transaction is open if the outcome of the last one is decided but its marker can't be written to a partition
        without a leader: the coordinator refuses every request until that partition has one.
        """
        request = EndTxnRequest(transactional_id, producer_id, epoch, transaction_result=False)
        deadline_s = asyncio.get_running_loop().time() + _MARKERS_WITHIN_S
        while True:
            response = await self._send(CoordinationType.TRANSACTION, transactional_id, request)
            error = errors.for_code(response.error_code)
            is_late = asyncio.get_running_loop().time() > deadline_s
            if error is errors.InvalidTxnState or (is_late and error is errors.ConcurrentTransactions):
                return
            if not _must_retry({response.error_code}):
                return
            await asyncio.sleep(_RETRY_S)

    async def _send(self, kind: CoordinationType, key: str, request: Request[Any]) -> Any:
        while True:
            try:
                node = await self._client.coordinator_lookup(kind, key)
                return await self._client.send(node, request, group=ConnectionGroup.COORDINATION)
            except errors.KafkaError as error:
                if not error.retriable and not isinstance(error, errors.NodeNotReadyError):
                    raise
                await self._client.force_metadata_update()
                await asyncio.sleep(_RETRY_S)


def _offsets(response: Any) -> tuple[dict[int, CommittedOffset], set[int]]:
    """Return the offsets by partition, and all error codes."""
    codes, offsets = {response.error_code}, {}
    for _, partitions, *_ in response.topics:
        for partition, offset, *rest in partitions:
            metadata, code = rest[1:3] if response.API_VERSION >= _STABLE_SINCE else rest
            codes.add(code)
            offsets[partition] = CommittedOffset(offset if offset >= 0 else None, metadata or "")
    return offsets, codes


def _must_retry(codes: Collection[int]) -> bool:
    """Return whether one of the *codes* is retriable; raise the error of the first that is not."""
    retry = False
    for code in codes:
        if code == _UNSTABLE_OFFSET_COMMIT or issubclass(errors.for_code(code), _RETRIED):
            retry = True
        else:
            _raise(code)
    return retry


def _raise(code: int) -> None:
    if code:
        raise errors.for_code(code)
