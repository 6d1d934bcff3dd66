"""Kafka records that are read, to which aiokafka's conform, and records to send."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Record(Protocol):
    """A Kafka record, with the attributes that are read."""

    @property
    def offset(self) -> int:
        """Offset in the partition."""

    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970; any value that Kafka accepts."""

    @property
    def timestamp_type(self) -> int | None:
        """0 where the sender set the timestamp, 1 where the broker did."""

    @property
    def key(self) -> bytes | None:
        """As sent."""

    @property
    def value(self) -> bytes | None:
        """As sent; None is a tombstone."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """As sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Placeholder for bytes that can't be parsed, of one record or a whole batch: a `Record` without a value.

    It covers the offsets from `offset` to `last_offset`, which is None if the end of the batch is not known.
    """

    offset: int
    last_offset: int | None
    timestamp: int
    damage: str
    """Description of the damage, without the content."""
    raw: bytes
    """The record's bytes without its length, or the batch's with its header."""
    is_batch: bool
    timestamp_type: int | None = None
    key: None = None
    value: None = None
    headers: tuple[()] = ()

    @property
    def format(self) -> str:
        """Format of `raw`, as in the header `dlq.format`."""
        return "kafka-batch" if self.is_batch else "kafka-record"


Headers = list[tuple[str, bytes | None]]
Message = tuple[bytes | None, bytes | None, int, Headers]
"""A record to publish: key, value, timestamp in milliseconds since 1970, headers."""


class KeyedMessage(NamedTuple):
    """A record to send. Its timestamp is its creation time, regardless of delivery."""

    key: bytes
    value: bytes | None
    timestamp_ms: int


Place = tuple[str, int]
"""A topic and the number of its partition."""
