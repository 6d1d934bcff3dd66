"""Requests about a group's offsets and a producer's transactions, as a takeover of partitions needs them.

aiokafka offers none of these: it reads offsets that a transaction may still change, commits with the generation that
the member has by then, and fences a transactional id only by starting a producer with it.
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
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)

from fraudstream.errors import KafkaSetupError

_UNSTABLE_OFFSET_COMMIT = 88
_STABLE_SINCE = 7
_RETRY_S = 0.005
_MARKED_WITHIN_S = 1.0
_RETENTION_OF_BROKER = -1
_RETRIED = (
    errors.CoordinatorLoadInProgressError,
    errors.CoordinatorNotAvailableError,
    errors.NotCoordinatorError,
    errors.ConcurrentTransactions,
)
LEFT_GROUP = (errors.IllegalGenerationError, errors.UnknownMemberIdError, errors.RebalanceInProgressError)
"""What `GroupRequests.commit` raises where the member is not in that generation any more, or not for long."""


@dataclass(frozen=True, slots=True)
class CommittedOffset:
    """A partition's committed offset, None where there is none, and the metadata that was committed with it."""

    offset: int | None
    metadata: str


@dataclass(frozen=True, slots=True)
class Membership:
    """A member of a group in one of its generations."""

    member_id: str
    generation: int


NO_MEMBERSHIP = Membership(member_id="", generation=-1)


class _OffsetFetchResponseV7(Response):
    API_KEY = 9
    API_VERSION = 7
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("offset", Int64),
                        ("leader_epoch", Int32),
                        ("metadata", CompactString("utf-8")),
                        ("error_code", Int16),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("error_code", Int16),
        ("tags", TaggedFields),
    )


class _OffsetFetchRequestV7(RequestStruct):
    FLEXIBLE_VERSION = True
    API_KEY = 9
    API_VERSION = _STABLE_SINCE
    RESPONSE_TYPE = _OffsetFetchResponseV7
    SCHEMA = Schema(
        ("consumer_group", CompactString("utf-8")),
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")), ("partitions", CompactArray(Int32)), ("tags", TaggedFields)
            ),
        ),
        ("require_stable", Boolean),
        ("tags", TaggedFields),
    )


_OffsetFetchStruct = OffsetFetchRequest_v3 | _OffsetFetchRequestV7


class _OffsetFetch(Request[OffsetFetchRequest_v3 | _OffsetFetchRequestV7]):
    """The offsets of one topic; *stable* ones, which no open transaction can change, where the broker has version 7."""

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
    """Sends them through one connected client; each waits for a coordinator that is loading, or for transactions.

    Every call may wait without end: the caller sets a timeout. Raises KafkaError.
    """

    def __init__(self, client: AIOKafkaClient, group: str, topic: str) -> None:
        self._client = client
        self._group = group
        self._topic = topic

    async def committed(self, partitions: Collection[int], *, stable: bool = True) -> dict[int, CommittedOffset]:
        """Read the committed offsets; with *stable*, wait until no open transaction can change one.

        Raises KafkaSetupError where *stable* is wanted, and the broker is older than Kafka 2.5.
        """
        request = _OffsetFetch(self._group, self._topic, partitions, stable=stable)
        while True:
            response = await self._ask(CoordinationType.GROUP, self._group, request)
            if stable and response.API_VERSION < _STABLE_SINCE:
                raise KafkaSetupError("exactly_once needs Kafka 2.5 or later; set PROCESSING_GUARANTEE=at_least_once")
            found, codes = _offsets(response)
            if _UNSTABLE_OFFSET_COMMIT not in codes and not _must_retry(codes):
                return found
            await asyncio.sleep(_RETRY_S)

    async def commit(self, membership: Membership, offsets: Mapping[int, int], metadata: str) -> None:
        """Commit as this member of this generation, in one request that is sent once.

        Raises KafkaError where the group has another generation by now, or the answer is lost: nothing is known then.
        """
        places = [(partition, offset, metadata) for partition, offset in sorted(offsets.items())]
        request = OffsetCommitRequest(
            self._group, membership.generation, membership.member_id, _RETENTION_OF_BROKER, [(self._topic, places)]
        )
        node = await self._client.coordinator_lookup(CoordinationType.GROUP, self._group)
        response: Any = await self._client.send(node, request, group=ConnectionGroup.COORDINATION)
        for _, partitions in response.topics:
            for _, code in partitions:
                _raise(code)

    async def fence(self, transactional_id: str, timeout_ms: int) -> None:
        """End the open transaction of this id, and let its producers commit no more; returns when both is done."""
        request = InitProducerIdRequest(transactional_id, timeout_ms)
        await self._retry(CoordinationType.TRANSACTION, transactional_id, request)

    async def abort(self, transactional_id: str, producer_id: int, epoch: int) -> None:
        """Abort this producer's open transaction, if there is one.

        There is none, too, where the last one is decided, but can't be marked in a partition without a leader: the
        coordinator then refuses every request for as long as that lasts.
        """
        request = EndTxnRequest(transactional_id, producer_id, epoch, transaction_result=False)
        deadline_s = asyncio.get_running_loop().time() + _MARKED_WITHIN_S
        while True:
            response = await self._ask(CoordinationType.TRANSACTION, transactional_id, request)
            error = errors.for_code(response.error_code)
            is_late = asyncio.get_running_loop().time() > deadline_s
            if error is errors.InvalidTxnState or (is_late and error is errors.ConcurrentTransactions):
                return
            if not _must_retry({response.error_code}):
                return
            await asyncio.sleep(_RETRY_S)

    async def _retry(self, kind: CoordinationType, key: str, request: Request[Any]) -> None:
        while True:
            response = await self._ask(kind, key, request)
            if not _must_retry({response.error_code}):
                return
            await asyncio.sleep(_RETRY_S)

    async def _ask(self, kind: CoordinationType, key: str, request: Request[Any]) -> Any:
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
    codes, found = {response.error_code}, {}
    for _, partitions, *_ in response.topics:
        for partition, offset, *rest in partitions:
            metadata, code = rest[1:3] if response.API_VERSION >= _STABLE_SINCE else rest
            codes.add(code)
            found[partition] = CommittedOffset(offset if offset >= 0 else None, metadata or "")
    return found, codes


def _must_retry(codes: Collection[int]) -> bool:
    """Return whether one of the *codes* passes by itself; raise the first that does not."""
    again = False
    for code in codes:
        if code == _UNSTABLE_OFFSET_COMMIT or issubclass(errors.for_code(code), _RETRIED):
            again = True
        else:
            _raise(code)
    return again


def _raise(code: int) -> None:
    if code:
        error = errors.for_code(code)
        raise error
