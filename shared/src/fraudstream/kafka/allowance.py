"""A limit on the memory of the records that one fetch returns, of all partitions together.

A fetch response of a megabyte may hold hundreds of batches of which each expands to 64 MiB.
"""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import FetchResult

from fraudstream.record import Record

MOST_BYTES = 16 << 20
"""Of one fetch: 30,000 payments. A single record may exceed it."""
RECORD_BYTES, _HEADER_BYTES = 230, 80
"""Bytes of a parsed record and of a header, beside their content."""
_HEADERS = attrgetter("headers")

Fetched = Mapping[TopicPartition, Sequence[Any]]


class Allowance:
    """Bytes that the current fetch may still return. One for the process: its consumers share its memory."""

    def __init__(self) -> None:
        self._left = MOST_BYTES

    @property
    def is_spent(self) -> bool:
        """Return whether this fetch may return no more."""
        return self._left <= 0

    def renew(self) -> None:
        """Begin a fetch."""
        self._left = MOST_BYTES

    def take_all(self, records: Sequence[Record], content_bytes: int) -> bool:
        """Take all of these if they fit, or none; return whether they were taken."""
        cost = content_bytes + RECORD_BYTES * len(records) + _HEADER_BYTES * sum(map(len, map(_HEADERS, records)))
        if cost > self._left:
            return False
        self._left -= cost
        return True

    def take(self, record: Record) -> bool:
        """Take the record, whatever its size, if any bytes are left; return whether it was taken."""
        if self.is_spent:
            return False
        headers = sum(len(name) + len(value or b"") + _HEADER_BYTES for name, value in record.headers)
        content = len(getattr(record, "raw", None) or record.value or b"") + len(record.key or b"")
        self._left -= RECORD_BYTES + content + headers
        return True


allowance = Allowance()


class BoundedFetchResult(FetchResult):
    """One partition's fetched records; they wait for the next fetch where the allowance is spent."""

    def getall(self, max_records: int | None = None) -> Any:
        """Return what the next fetch of the application gets."""
        return [] if allowance.is_spent else super().getall(max_records)  # type: ignore[no-untyped-call]


async def fetch(consumer: AIOKafkaConsumer, *places: TopicPartition, timeout_ms: int, max_records: int) -> Fetched:
    """Return what has come of all partitions, or of `places`: at most `max_records`, and about MOST_BYTES."""
    allowance.renew()
    return await consumer.getmany(*places, timeout_ms=timeout_ms, max_records=max_records)
