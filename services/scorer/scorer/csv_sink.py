"""The CSV of scored payments: appended under a lock, each record once, with a journal beside it.

An append takes effect when the journal records it; bytes after the journal's length are a torn append of a writer that
was killed.
"""

import errno
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import structlog

from fraudstream.cell_text import split_cells
from fraudstream.csv_file.file import CsvFile, convert_errors, tail
from fraudstream.csv_file.journal import Mark, State
from fraudstream.csv_file.layout import Layout, StoredRow, stored_row
from fraudstream.csv_file.lock import PATIENCE_S, lock_of
from fraudstream.csv_file.paths import rotated
from fraudstream.csv_file.protocol import Batch, Holding, Identity
from fraudstream.offsets import Decided
from fraudstream.runtime.failpoints import armed, failpoint
from fraudstream.runtime.regular_files import trusted_file
from scorer.filesystem import doubtful, prove_lock

_REFUSED = {errno.EACCES, errno.EBUSY, errno.EPERM, errno.ETXTBSY}


class CsvSink:
    """One CSV, shared by all replicas that mount its folder; rotated at `rotate_bytes` bytes, if given."""

    def __init__(
        self,
        path: Path,
        identity: Identity,
        layout: Layout,
        *,
        rotate_bytes: int | None = None,
        patience_s: float = PATIENCE_S,
        waited: Callable[[float], object] = lambda _: None,
    ) -> None:
        """Call `waited` with the seconds that each acquisition of the lock takes."""
        self._file = CsvFile(path, identity, layout)
        self._lock = lock_of(path, patience_s, waited)
        self._rotate_bytes = rotate_bytes

    def prove(self) -> None:
        """Prove that the lock works on this file system; call it first. Raises LockUnreliableError."""
        folder = self._file.path.parent
        with convert_errors(folder):
            prove_lock(self._lock, self._lock.path)
        if kind := doubtful(folder):
            structlog.get_logger().warning(
                "unknown file system", folder=str(folder), kind=kind, advice="let no other machine write to this CSV"
            )

    def claim(self) -> None:
        """Keep scorers of another identity from this CSV until `close`. Raises JournalForeignError if one runs."""
        with self._opened():
            self._file.claim.take()

    def close(self) -> None:
        """Release the claim; if the process is killed, the kernel does."""
        self._file.claim.release()

    def is_new(self) -> bool:
        """Return whether nothing was ever stored under this identity."""
        with self._opened() as (_, state):
            return not state.marks

    def acquire(self, partitions: Collection[int]) -> dict[int, Holding]:
        """Take the partitions over; return the rows of their last batches, for a replay."""
        with self._opened() as (_, before):
            marks = dict(before.marks)
            for partition in partitions:
                mark = marks.get(partition, Mark(token=0))
                marks[partition] = replace(mark, token=mark.token + 1)
            state = replace(before, sequence=before.sequence + 1, marks=marks)
            self._file.journal.write(state)
            return {partition: self._holding(state, partition) for partition in partitions}

    def append(self, batches: Sequence[Batch]) -> frozenset[int]:
        """Store all batches whose token is current, with one write, one data sync and one journal slot.

        Returns their partitions.
        """
        self._rotate_if_due()
        with self._opened() as (file, state):
            held = [batch for batch in batches if _token(state, batch.partition) == batch.token]
            fresh = [batch for batch in held if not _is_replay(batch, state)]
            if fresh:
                self._store(file, state, fresh)
            return frozenset(batch.partition for batch in held)

    def forget(self, tokens: Mapping[int, int]) -> None:
        """Reset these partitions; the file is renamed, unless it was for other partitions of the topic."""
        with self._opened() as (_, state):
            held = frozenset(partition for partition, token in tokens.items() if _token(state, partition) == token)
            if held:
                self._file.renew(state, held)

    def _rotate_if_due(self) -> None:
        if self._rotate_bytes is None:
            return
        with self._opened() as (_, state):
            if state.length >= self._rotate_bytes and self._file.has_rows(state):
                self._file.rotate(state)

    def _store(self, file: int, state: State, batches: Sequence[Batch]) -> None:
        marks = dict(state.marks)
        chunks: list[bytes] = []
        start = state.length
        for batch in batches:
            mark = marks[batch.partition]
            if batch.base <= mark.offset:
                raise ValueError(f"a batch of partition {batch.partition} is both new and a replay")
            size = len(batch.rows)
            chunks.append(batch.rows)
            marks[batch.partition] = Mark(
                token=mark.token,
                first=batch.base if mark.first < 0 else mark.first,
                offset=batch.last,
                base=batch.base,
                generation=state.generation,
                start=start,
                end=start + size,
                fingerprint=batch.fingerprint,
                era=state.era,
            )
            start += size
        data = b"".join(chunks)
        _write(file, state.length, data)
        checksum = tail(file, start) if data else state.tail
        failpoint("appended")
        self._file.journal.write(replace(state, sequence=state.sequence + 1, length=start, tail=checksum, marks=marks))

    @contextmanager
    def _opened(self) -> Iterator[tuple[int, State]]:
        """Yield the file and its state, repaired, under the lock. Raises SinkUnavailableError with nothing changed."""
        with convert_errors(self._file.path, self._hint), self._lock.held():
            failpoint("locked")
            self._file.claim.check()
            with self._file.opened() as file_and_state:
                yield file_and_state

    def _hint(self, error: OSError) -> str:
        # on Windows a spreadsheet locks its open file, and the container gets no more than this errno
        if error.errno in _REFUSED and error.filename == str(self._file.path):
            return "; if a program such as a spreadsheet has it open, close it there"
        return ""

    def _holding(self, state: State, partition: int) -> Holding:
        mark = state.marks[partition]
        if mark.offset < 0:
            return Holding(token=mark.token)
        decided = Decided(offset=mark.offset, base=mark.base, fingerprint=mark.fingerprint)
        return Holding(token=mark.token, decided=decided, rows=self._rows(state, partition, mark))

    def _rows(self, state: State, partition: int, mark: Mark) -> dict[int, StoredRow]:
        path = self._file.path if mark.generation == state.generation else rotated(self._file.path, mark.generation)
        if mark.end <= mark.start or not path.exists():
            return {}
        with trusted_file(path) as file:
            has_our_columns = file.readline() == self._file.layout.header_line
            file.seek(mark.start)
            lines = file.read(mark.end - mark.start).decode().split("\n")[:-1]
        rows = (stored_row(split_cells(line), has_our_columns=has_our_columns) for line in lines)
        return {row.offset: row for row in rows if row.partition == partition}


def _is_replay(batch: Batch, state: State) -> bool:
    return batch.last <= state.marks[batch.partition].offset


def _token(state: State, partition: int) -> int | None:
    mark = state.marks.get(partition)
    return mark.token if mark else None


def _write(file: int, length: int, data: bytes) -> None:
    """Append at `length`; on an error, truncate the file to `length`."""
    view, written = memoryview(data), 0
    try:
        if armed("torn"):
            os.pwrite(file, view[: len(view) // 2], length)
        failpoint("torn")
        while written < len(view):
            written += os.pwrite(file, view[written:], length + written)
        if data:
            os.fdatasync(file)
    except OSError:
        os.ftruncate(file, length)
        raise
