"""Replacements for the classes with which aiokafka's fetcher parses a fetch response."""

from collections.abc import Iterator, Sequence
from typing import Any

from aiokafka import TopicPartition

from fraudstream.kafka.allowance import allowance
from fraudstream.kafka.frames import frames
from fraudstream.kafka.record_batches import Batch, is_abort_marker, open_batch, records_of, unreadable_batch
from fraudstream.kafka.salvage import UndecodableError
from fraudstream.record import Record, Unreadable

_READ_COMMITTED = 1


class FetchedBytes:
    """Bytes of one partition in a fetch response, in place of `MemoryRecords`."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def has_next(self) -> bool:
        """Return whether there are bytes to parse or to report."""
        return bool(self.data)

    def size_in_bytes(self) -> int:
        """Return the length of the data."""
        return len(self.data)


class PartitionRecords:
    """Iterator over one partition's records, without those of aborted transactions.

    A damaged record is returned as an `Unreadable` with its offset. So is a batch that can't be decoded; it ends the
    iteration, and the position does not advance: the caller decides how to continue.
    """

    def __init__(
        self,
        _: TopicPartition,
        records: FetchedBytes,
        aborted_transactions: Sequence[tuple[int, int]] | None,
        fetch_offset: int,
        key_deserializer: object,  # noqa: ARG002 - the fetcher's signature
        value_deserializer: object,  # noqa: ARG002
        check_crcs: bool,  # noqa: ARG002 - always checked
        isolation_level: int,
    ) -> None:
        self.next_fetch_offset = fetch_offset
        self._data = records.data
        self._skips_aborted = isolation_level == _READ_COMMITTED
        self._aborted = sorted(aborted_transactions or (), key=lambda producer: producer[1], reverse=True)
        self._aborting: set[int | None] = set()
        self._records = self._iterate()

    def __iter__(self) -> Iterator[Any]:
        return self._records

    def __next__(self) -> Record | Unreadable:
        return next(self._records)

    def _iterate(self) -> Iterator[Record | Unreadable]:
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
            # a batch keeps its last offset even if compaction has removed the record there
            self.next_fetch_offset = batch.next_offset

    def _read(self, batch: Batch, data: memoryview) -> tuple[Sequence[Record | Unreadable], int]:
        """Return the batch's records and their size in bytes. Raises UndecodableError."""
        if batch.next_offset <= self.next_fetch_offset:
            # the checksum does not cover the offset; such a batch would be fetched again endlessly
            raise UndecodableError("its offsets are before the fetch position")
        if self._skips_aborted and batch.producer_id is not None and self._is_aborted(batch, data):
            return (), 0
        return ((), 0) if batch.is_control_batch else records_of(batch, data)

    def _is_aborted(self, batch: Batch, data: memoryview) -> bool:
        while self._aborted and self._aborted[-1][1] <= batch.base_offset:
            self._aborting.add(self._aborted.pop()[0])
        if batch.is_control_batch and is_abort_marker(batch, data):
            self._aborting.discard(batch.producer_id)
        return bool(batch.is_transactional and batch.producer_id in self._aborting)
