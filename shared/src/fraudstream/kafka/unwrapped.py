"""Records as aiokafka parses them, without the ConsumerRecord of eleven fields that it makes around each, in Python.

That costs more than all the rest of its reading (docs/performance.md), and adds nothing that is read here.
"""

from typing import Any

from aiokafka.consumer.fetcher import PartitionRecords


def hand_out_unwrapped_records() -> None:
    """From now on, all consumers of this process hand out `fraudstream.records.Record`, not ConsumerRecord."""
    PartitionRecords._consumer_record = _unwrapped  # type: ignore[method-assign]  # noqa: SLF001


def _unwrapped(_: PartitionRecords, __: object, record: Any) -> Any:
    return record
