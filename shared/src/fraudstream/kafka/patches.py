"""All that is changed of aiokafka itself, for the whole process; docs/performance.md has what it brings."""

from typing import Any

from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.producer import sender

_BEGIN_RETRY_S = 0.002


def hand_out_unwrapped_records() -> None:
    """All consumers hand out records as aiokafka parses them (`fraudstream.records.Record`), not ConsumerRecord.

    It would make one of eleven fields around each record, in Python. That costs more than all the rest of its reading,
    and adds nothing that is read here.
    """
    PartitionRecords._consumer_record = _unwrapped  # type: ignore[method-assign]  # noqa: SLF001


def retry_begin_soon() -> None:
    """All producers wait for 2 ms, not 20, where the broker is still finishing the last transaction.

    It has told the client by then that the transaction is committed, and needs a few ms to say so in each partition.
    """
    sender.BACKOFF_OVERRIDE = _BEGIN_RETRY_S


def _unwrapped(_: PartitionRecords, __: object, record: Any) -> Any:
    return record
