"""Replacements for the classes with which aiokafka's fetcher reads a fetch response."""

from collections.abc import Iterator, Sequence
from typing import Any

from aiokafka import TopicPartition

from fraudstream.kafka.allowance import allowance
from fraudstream.kafka.frames import frames
from fraudstream.kafka.record_batches import (
    Batch,
    is_abort_marker,
    open_batch,
    records_of,
    unreadable_batch,
)
from fraudstream.kafka.salvage import UndecodableError
from fraudstream.record import Record, Unreadable

_READ_COMMITTED = 1


class FetchedBytes:
    """One partition's part of a fetch response (`MemoryRecords`)."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def has_next(self) -> bool:
        """Whether there is anything to read or to report."""
        return bool(self.data)

    def size_in_bytes(self) -> int:
        """Its length."""
        return len(self.data)


class PartitionRecords:
    """Iterates over one partition's records, without those of aborted transactions.

    A damaged record comes as an `Unreadable` in its place. So does a batch that can't be decoded; it is the last thing
    that comes, and the position stays there: what to do about it is for the reader to decide.
    """

    def __init__(
        self,
        _: TopicPartition,
        records: FetchedBytes,
        aborted_transactions: Sequence[tuple[int, int]] | None,
        fetch_offset: int,
        key_deserializer: object,  # noqa: ARG002 - the fetcher's signature
        value_deserializer: object,  # noqa: ARG002
        check_crcs: bool,  # noqa: ARG002 - they always are
        isolation_level: int,
    ) -> None:
        self.next_fetch_offset = fetch_offset
        self._data = records.data
        self._skips_aborted = isolation_level == _READ_COMMITTED
        self._aborted = sorted(aborted_transactions or (), key=lambda one: one[1], reverse=True)
        self._aborting: set[int | None] = set()
        self._records = self._unpacked()

    def __iter__(self) -> Iterator[Any]:
        return self._records

    def __next__(self) -> Record | Unreadable:
        return next(self._records)

    def _unpacked(self) -> Iterator[Record | Unreadable]:
        for data in frames(self._data):
            if allowance.is_spent:
                return
            try:
                batch = open_batch(data)
                records, content_bytes = self._read(batch, data)
            except UndecodableError as error:
                yield unreadable_batch(data, self.next_fetch_offset, str(error))
                return
            if records and records[0].offset < self.next_fetch_offset:  # a batch may begin before the position
                records = [record for record in records if record.offset >= self.next_fetch_offset]
            is_taken = allowance.take_all(records, content_bytes)
            for record in records:
                if not is_taken and not allowance.take(record):
                    return  # the rest is fetched again
                self.next_fetch_offset = record.offset + 1
                yield record
            # a batch keeps its last offset where compaction has removed the record that had it
            self.next_fetch_offset = batch.next_offset

    def _read(self, batch: Batch, data: memoryview) -> tuple[Sequence[Record | Unreadable], int]:
        """Return the batch's records, and how many bytes they take. Raises UndecodableError."""
        if batch.next_offset <= self.next_fetch_offset:
            # the checksum does not cover the offset; such a batch would be fetched again for ever
            raise UndecodableError("its offsets are before those that follow the last batch")
        if self._skips_aborted and batch.producer_id is not None and self._is_aborted(batch, data):
            return (), 0
        return ((), 0) if batch.is_control_batch else records_of(batch, data)

    def _is_aborted(self, batch: Batch, data: memoryview) -> bool:
        while self._aborted and self._aborted[-1][1] <= batch.base_offset:
            self._aborting.add(self._aborted.pop()[0])
        if batch.is_control_batch and is_abort_marker(batch, data):
            self._aborting.discard(batch.producer_id)
        return bool(batch.is_transactional and batch.producer_id in self._aborting)
