"""What is changed of aiokafka is still there to be changed, and does what it is for."""

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.producer import sender
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record import MemoryRecords

from fraudstream.kafka.patches import hand_out_unwrapped_records, retry_begin_soon

PLACE = TopicPartition("payments", 3)
FIELDS = ("offset", "timestamp", "timestamp_type", "key", "value")


def records() -> list[ConsumerRecord[bytes, bytes]]:
    """What a fetch of three records hands out."""
    batch = BatchBuilder(1 << 20, 0)
    batch.append(timestamp=1_790_000_000_000, key=b"k", value=b"v", headers=[("a", b"1"), ("a", None)])
    batch.append(timestamp=1_790_000_000_007, key=None, value=b"", headers=[])
    batch.append(timestamp=1_790_000_000_001, key=b"", value=None, headers=[])
    content = MemoryRecords(bytes(batch._build()))
    return list(PartitionRecords(PLACE, content, [], 0, None, None, check_crcs=True, isolation_level=1))


def test_unwrapped_records_hold_what_wrapped_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every field that is read of a record."""
    monkeypatch.setattr(PartitionRecords, "_consumer_record", PartitionRecords._consumer_record)
    wrapped = records()
    hand_out_unwrapped_records()
    unwrapped = records()
    assert not isinstance(unwrapped[0], ConsumerRecord)
    assert len(unwrapped) == len(wrapped) == 3
    for plain, record in zip(unwrapped, wrapped, strict=True):
        assert [getattr(plain, name) for name in FIELDS] == [getattr(record, name) for name in FIELDS]
        assert list(plain.headers) == list(record.headers)


def test_a_begin_is_retried_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's own pause between transactions is what is shortened."""
    monkeypatch.setattr(sender, "BACKOFF_OVERRIDE", sender.BACKOFF_OVERRIDE)
    retry_begin_soon()
    assert sender.BACKOFF_OVERRIDE == 0.002
