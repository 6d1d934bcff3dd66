"""Limit on the memory of the records that one fetch returns, over all partitions.

A fetch response of a megabyte may hold hundreds of batches, each of which expands to 64 MiB.
"""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import FetchResult

from fraudstream.record import Record

MOST_BYTES = 16 << 20
"""Per fetch: 30,000 payments. A single record may exceed it."""
RECORD_BYTES, _HEADER_BYTES = 230, 80
"""Bytes of a parsed record and of a header, in addition to their content."""
_HEADERS = attrgetter("headers")

Fetched = Mapping[TopicPartition, Sequence[Any]]


class Allowance:
    """Bytes that the current fetch may still return. One per process: its consumers share the memory."""

    def __init__(self) -> None:
        self._left = MOST_BYTES

    @property
    def is_spent(self) -> bool:
        """Whether the limit of this fetch is reached."""
        return self._left <= 0

    def renew(self) -> None:
        """Reset the limit for a new fetch."""
        self._left = MOST_BYTES

    def take_all(self, records: Sequence[Record], content_bytes: int) -> bool:
        """Charge all records if they fit, otherwise none; return whether they fit."""
        cost = content_bytes + RECORD_BYTES * len(records) + _HEADER_BYTES * sum(map(len, map(_HEADERS, records)))
        if cost > self._left:
            return False
        self._left -= cost
        return True

    def take(self, record: Record) -> bool:
        """Charge the record, whatever its size, if any bytes are left; return whether it was charged."""
        if self.is_spent:
            return False
        headers = sum(len(name) + len(value or b"") + _HEADER_BYTES for name, value in record.headers)
        content = len(getattr(record, "raw", None) or record.value or b"") + len(record.key or b"")
        self._left -= RECORD_BYTES + content + headers
        return True


allowance = Allowance()


class BoundedFetchResult(FetchResult):
    """Fetched records of one partition, held back for the next fetch once the allowance is spent."""

    def getall(self, max_records: int | None = None) -> Any:
        """Return records for the application; none once the allowance is spent."""
        return [] if allowance.is_spent else super().getall(max_records)  # type: ignore[no-untyped-call]


async def fetch(consumer: AIOKafkaConsumer, *partitions: TopicPartition, timeout_ms: int, max_records: int) -> Fetched:
    """Return fetched records of all partitions, or of `partitions`: at most `max_records`, and about MOST_BYTES."""
    allowance.renew()
    return await consumer.getmany(*partitions, timeout_ms=timeout_ms, max_records=max_records)
