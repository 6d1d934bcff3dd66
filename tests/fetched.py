"""Record batches, and fetch responses that are read as the client reads them."""

import resource
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka import TopicPartition

from fraudstream.kafka.allowance import allowance
from fraudstream.kafka.partition_records import FetchedBytes, PartitionRecords
from tests.batches import Sent, batch
from tests.integration.scorer import payment

PLACE = TopicPartition("payments", 0)
COUNT = 6
BASE = 100
RECORDS = [
    Sent(
        1_790_000_000_000 + 7 * number,
        b"key-%08d" % number if number % 3 else None,
        payment(number + 1),
        (("trace", b"v"), ("empty", None)) if number % 2 else (),
    )
    for number in range(COUNT)
]
BATCHES = [batch(RECORDS, BASE + COUNT * number) for number in range(3)]


def fetched(data: bytes, offset: int = BASE, aborted: Sequence[tuple[int, int]] = ()) -> PartitionRecords:
    """Return a fetch response of these bytes, as aiokafka's fetcher reads it."""
    allowance.renew()
    return PartitionRecords(PLACE, FetchedBytes(data), aborted, offset, None, None, check_crcs=True, isolation_level=1)


def read(data: bytes, offset: int = BASE, aborted: Sequence[tuple[int, int]] = ()) -> list[Any]:
    """Return the records of the response."""
    return list(fetched(data, offset, aborted))


def offsets(records: Sequence[Any]) -> list[int]:
    """Return the offsets of the records."""
    return [record.offset for record in records]


def grown_by(work: Callable[[], Any]) -> tuple[Any, int]:
    """Return the result, and the growth of the process in KiB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = work()
    return result, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
