"""The CSV that people open: appended under a lock, each record once, guarded by a journal beside it.

An append becomes true when the journal says so; what lies beyond the journal's length is a dead writer's torn tail.
"""

import os
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import structlog

from fraudstream.errors import JournalForeignError, SinkUnavailableError
from fraudstream.offsets import Decided
from fraudstream.rows import HEADER, stored_row
from fraudstream.sinks.journal import Journal, Mark, State
from fraudstream.sinks.lock import FileLock
from fraudstream.sinks.protocol import Batch, Holding, Identity, Row

_MODE = 0o664
_TAIL_BYTES = 4096
_PATIENCE_S = 10.0
_HEADER_LINE = HEADER.encode() + b"\n"


class CsvSink:
    """One CSV, shared by all replicas that mount its folder."""

    def __init__(self, path: Path, identity: Identity, patience_s: float = _PATIENCE_S) -> None:
        self.path = path
        self._identity = identity
        self._lock = FileLock(path.with_name(f".{path.name}.lock"), patience_s)
        self._journal = Journal(path.with_name(f".{path.name}.journal"))
        self._log = structlog.get_logger()

    def is_new(self) -> bool:
        """Whether nothing was ever stored under this identity."""
        with self._opened() as (_, state):
            return not state.marks

    def acquire(self, partitions: Collection[int]) -> dict[int, Holding]:
        """Take the partitions over; the rows of their last batches come back, for a replay."""
        with self._opened() as (file, state):
            marks = dict(state.marks)
            for partition in partitions:
                mark = marks.get(partition, Mark(token=0))
                marks[partition] = replace(mark, token=mark.token + 1)
            self._journal.write(replace(state, sequence=state.sequence + 1, marks=marks))
            return {partition: _holding(file, partition, marks[partition]) for partition in partitions}

    def append(self, batches: Sequence[Batch]) -> frozenset[int]:
        """One write, one data sync and one journal slot for all batches whose token holds."""
        with self._opened() as (file, state):
            held = [batch for batch in batches if _token(state, batch.partition) == batch.token]
            fresh = [batch for batch in held if batch.last > state.marks[batch.partition].offset]
            if fresh:
                self._store(file, state, fresh)
            return frozenset(batch.partition for batch in held)

    def forget(self, partitions: Collection[int]) -> None:
        """Set the file aside and start these partitions from nothing; their tokens stay."""
        with self._opened() as (_, state):
            aside = self._set_aside("former")
            self._log.warning(
                "CSV set aside", file=aside.name, reason="the topic was made anew", partitions=sorted(partitions)
            )
            marks = {
                partition: Mark(token=mark.token) if partition in partitions else replace(mark, start=0, end=0)
                for partition, mark in state.marks.items()
            }
            self._start_file(replace(state, marks=marks))

    def _store(self, file: int, state: State, batches: Sequence[Batch]) -> None:
        marks = dict(state.marks)
        chunks: list[bytes] = []
        start = state.length
        for batch in batches:
            mark = marks[batch.partition]
            rows = _unstored(batch, mark.offset)
            size = sum(map(len, rows))
            chunks += rows
            marks[batch.partition] = Mark(
                token=mark.token,
                offset=batch.last,
                base=batch.base,
                start=start,
                end=start + size,
                fingerprint=batch.fingerprint,
            )
            start += size
        data = b"".join(chunks)
        self._write(file, state, data)
        tail = _tail(file, start) if data else state.tail
        self._journal.write(replace(state, sequence=state.sequence + 1, length=start, tail=tail, marks=marks))

    def _write(self, file: int, state: State, data: bytes) -> None:
        try:
            written, view = 0, memoryview(data)
            while written < len(view):
                written += os.pwrite(file, view[written:], state.length + written)
            if data:
                os.fdatasync(file)
        except OSError:
            os.ftruncate(file, state.length)
            raise

    @contextmanager
    def _opened(self) -> Iterator[tuple[int, State]]:
        """The file and its state, mended, under the lock. An OSError means: the sink is away, nothing changed."""
        try:
            with self._lock.held():
                state = self._mended()
                file = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
                try:
                    yield file, state
                finally:
                    os.close(file)
        except OSError as error:
            raise SinkUnavailableError(f"{error.filename or self.path}: {error.strerror or error}") from error

    def _mended(self) -> State:
        state = self._journal.read()
        if state is None:
            return self._without_journal()
        if state.identity != self._identity:
            return self._foreign(state)
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            if state.length > len(_HEADER_LINE):
                self._log.warning(
                    "CSV missing", file=str(self.path), action="a new file is begun; nothing is scored again"
                )
            return self._start_file(_unplaced(state))
        try:
            size = os.fstat(file).st_size
            whole = size >= state.length and _tail(file, state.length) == state.tail
            if whole and size > state.length:
                os.ftruncate(file, state.length)
        finally:
            os.close(file)
        if whole:
            return state
        aside = self._set_aside("damaged")
        self._log.error(
            "CSV damaged", file=aside.name, reason="changed by someone else; set aside, a new file is begun"
        )
        return self._start_file(_unplaced(state))

    def _foreign(self, state: State) -> State:
        theirs, ours = state.identity, self._identity
        if (theirs.cluster, theirs.topic) == (ours.cluster, ours.topic):
            raise JournalForeignError(
                f"CSV_PATH: {self.path} belongs to consumer group {theirs.group!r}, not {ours.group!r}: "
                "give this group a CSV_PATH of its own"
            )
        if self.path.exists():
            aside = self._set_aside("former")
            self._log.warning("CSV set aside", file=aside.name, reason="it is of another Kafka cluster or topic")
        return self._start_file(State(identity=ours, sequence=state.sequence))

    def _without_journal(self) -> State:
        fresh = State(identity=self._identity)
        if not self.path.exists():
            return self._start_file(fresh)
        with self.path.open("rb") as file:
            if file.readline() != _HEADER_LINE:
                known = None
            else:
                length, known = _scan(file)
        if known is None:
            if self.path.stat().st_size:
                aside = self._set_aside("damaged")
                self._log.error("CSV damaged", file=aside.name, reason="its header is not ours; set aside")
            return self._start_file(fresh)
        self._log.warning("journal lost", file=str(self.path), action="offsets found by reading the CSV once")
        marks = {partition: Mark(token=0, offset=offset, base=offset) for partition, offset in known.items()}
        descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.ftruncate(descriptor, length)
            state = replace(fresh, sequence=1, length=length, tail=_tail(descriptor, length), marks=marks)
        finally:
            os.close(descriptor)
        self._journal.write(state)
        return state

    def _start_file(self, state: State) -> State:
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _MODE)
        try:
            os.pwrite(file, _HEADER_LINE, 0)
            os.fdatasync(file)
            length = len(_HEADER_LINE)
            state = replace(state, sequence=state.sequence + 1, length=length, tail=_tail(file, length))
        finally:
            os.close(file)
        self._journal.write(state)
        return state

    def _set_aside(self, why: str) -> Path:
        number = 1
        while (aside := self.path.with_name(f"{self.path.stem}.{why}-{number}{self.path.suffix}")).exists():
            number += 1
        self.path.rename(aside)
        return aside


def _unplaced(state: State) -> State:
    """The state without byte ranges: the file that they were in is gone."""
    return replace(state, marks={partition: replace(mark, start=0, end=0) for partition, mark in state.marks.items()})


def _token(state: State, partition: int) -> int | None:
    mark = state.marks.get(partition)
    return mark.token if mark else None


def _unstored(batch: Batch, offset: int) -> Sequence[bytes]:
    if not batch.offsets or batch.offsets[0] > offset:
        return batch.rows
    return [row for number, row in zip(batch.offsets, batch.rows, strict=True) if number > offset]


def _tail(file: int, length: int) -> int:
    start = max(0, length - _TAIL_BYTES)
    return zlib.crc32(os.pread(file, length - start, start))


def _holding(file: int, partition: int, mark: Mark) -> Holding:
    if mark.offset < 0:
        return Holding(token=mark.token)
    rows: dict[int, Row] = {}
    for line in os.pread(file, mark.end - mark.start, mark.start).splitlines():
        stored = stored_row(line.decode())
        if stored.partition == partition:
            rows[stored.offset] = Row(
                fraud_probability=stored.fraud_probability, decision=stored.decision, model_version=stored.model_version
            )
    return Holding(
        token=mark.token, decided=Decided(offset=mark.offset, base=mark.base, fingerprint=mark.fingerprint), rows=rows
    )


def _scan(file: Iterator[bytes]) -> tuple[int, dict[int, int]]:
    """The length of the whole lines, header included, and each partition's last offset."""
    length, offsets = len(_HEADER_LINE), dict[int, int]()
    for line in file:
        if not line.endswith(b"\n"):
            break
        try:
            stored = stored_row(line.decode())
        except ValueError:
            break
        length += len(line)
        offsets[stored.partition] = max(stored.offset, offsets.get(stored.partition, -1))
    return length, offsets
