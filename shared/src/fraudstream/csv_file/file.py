"""The CSV on disk and its journal: a file that does not match its journal is repaired or renamed before an append.

docs/operations.md describes each case for users. The caller holds the lock; an OSError leaves both files unchanged.
"""

import errno
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import structlog

from fraudstream.csv_file.claim import Claim
from fraudstream.csv_file.journal import Mark, State, journal_of
from fraudstream.csv_file.layout import Layout
from fraudstream.csv_file.paths import highest_rotated, move_aside, rotated, rotated_files
from fraudstream.csv_file.protocol import Identity
from fraudstream.errors import SinkUnavailableError
from fraudstream.payment_schema import default_schema
from fraudstream.runtime.regular_files import SHARED_MODE, closing, open_trusted, sync_folder, trusted_file

_TAIL_BYTES = 4096
_RESTORE_ROWS = "docker compose stop scorer; ./fraudstream rebuild --force; docker compose start scorer"


@contextmanager
def convert_errors(file: Path | str, hint: Callable[[OSError], str] = lambda _: "") -> Iterator[None]:
    """Raise SinkUnavailableError for an OSError in the block, about `file` unless the error names another one."""
    try:
        yield
    except OSError as error:
        raise SinkUnavailableError(f"{error.filename or file}: {error.strerror or error}{hint(error)}") from error


def tail(file: int, length: int) -> int:
    """Return the checksum of the last 4 KiB before `length`, which detects changes of the file's end."""
    start = max(0, length - _TAIL_BYTES)
    return zlib.crc32(os.pread(file, length - start, start))


class CsvFile:
    """The CSV and its journal; both belong to `identity`. A file of another layout is rotated."""

    def __init__(self, path: Path, identity: Identity, layout: Layout) -> None:
        self.path = path
        self.layout = layout
        self.journal = journal_of(path)
        self.claim = Claim(path, identity, layout)
        self._identity = identity
        self._log = structlog.get_logger()

    @contextmanager
    def opened(self) -> Iterator[tuple[int, State]]:
        """Repair the file and its state, and yield both; the file is open for reading and writing."""
        state = self._with_layout(self._repair())
        with closing(open_trusted(self.path, os.O_RDWR)) as file:
            yield file, state

    def rotate(self, state: State) -> State:
        """Rename the file to its number and start the next one; byte ranges still refer to the old file."""
        kept = rotated(self.path, state.generation)
        if kept.exists():
            raise FileExistsError(errno.EEXIST, "a rotated file is never overwritten", str(kept))
        self.path.rename(kept)
        self._log.info("CSV rotated", kept=kept.name, bytes=state.length)
        return self._start_next(state)

    def renew(self, state: State, partitions: frozenset[int]) -> None:
        """Reset `partitions`, as their topic was re-created: decided offsets are forgotten, tokens are kept.

        The first partitions reset after a re-creation start an era and move the file aside; partitions reset later,
        perhaps by another replica, must not: the file already has rows of the new topic.
        """
        starts_era = any(state.marks[partition].era == state.era for partition in partitions)
        era = state.era + 1 if starts_era else state.era
        renewed = {partition: Mark(token=state.marks[partition].token, era=era) for partition in partitions}
        state = replace(state, era=era, marks={**state.marks, **renewed})
        if starts_era:
            aside = self._move_all_aside()
            self._log.warning("CSV renamed", file=aside.name, reason="the topic was re-created")
            self._start(_without_ranges(replace(state, generation=0)))
        else:
            self.journal.write(replace(state, sequence=state.sequence + 1))

    def has_rows(self, state: State) -> bool:
        """Return whether the current file has rows."""
        return state.length > len(self.layout.header_line)

    def _with_layout(self, state: State) -> State:
        """Return the state with a file of our layout: one of another layout is kept, as by a rotation."""
        if (state.layout or default_schema().layout_sha256) == self.layout.sha256:
            return state
        with trusted_file(self.path) as file:
            has_rows = len(file.readline()) < state.length
        self._log.info("payment schema changed", file=str(self.path), action="new CSV with its columns")
        return self.rotate(state) if has_rows else self._start(_without_ranges(state))

    def _repair(self) -> State:
        state = self.journal.read()
        if state is None:
            return self._recover_journal()
        if state.identity != self._identity:
            return self._replace_foreign(state)
        try:
            descriptor = open_trusted(self.path, os.O_RDWR)
        except FileNotFoundError:
            return self._replace_missing(state)
        with closing(descriptor) as file:
            current = _match(file, state)
            if current and os.fstat(file).st_size > current.length:
                os.ftruncate(file, current.length)  # an incomplete write of a killed process
        if current and state.replacement:  # an erasure was killed
            current = replace(current, sequence=state.sequence + 1)
            self.journal.write(current)
        if current:
            return current
        if self._is_rotated(state) and self._is_empty():
            return self._start_next(state)
        aside = move_aside(self.path, "damaged")
        self._log.error(
            "CSV damaged",
            file=aside.name,
            reason="modified by another program; renamed, new file started",
            restore_rows=_RESTORE_ROWS,
        )
        return self._start_next(state) if self._is_rotated(state) else self._start(_without_ranges(state))

    def _replace_missing(self, state: State) -> State:
        if self._is_rotated(state):
            return self._start_next(state)
        if self.has_rows(state):
            self._log.warning(
                "CSV missing",
                file=str(self.path),
                action="new file started; nothing is scored again",
                restore_rows=_RESTORE_ROWS,
            )
        return self._start(_without_ranges(state))

    def _is_rotated(self, state: State) -> bool:
        """Return whether a rotation renamed the file of this state and was killed before it wrote the journal."""
        kept = rotated(self.path, state.generation)
        return kept.exists() and kept.stat().st_size == state.length

    def _start_next(self, state: State) -> State:
        return self._start(replace(state, generation=state.generation + 1))

    def _replace_foreign(self, state: State) -> State:
        theirs, ours = state.identity, self._identity
        # while we hold the claim, a program without one is writing: both would move the file aside in turns, endlessly
        if self.claim.held or (theirs.cluster, theirs.topic) == (ours.cluster, ours.topic):
            raise self.claim.refusal(theirs)
        if self.path.exists():
            aside = self._move_all_aside()
            self._log.warning("CSV renamed", file=aside.name, reason="belongs to another Kafka cluster or topic")
        return self._start(State(identity=ours, sequence=state.sequence, generation=highest_rotated(self.path)))

    def _recover_journal(self) -> State:
        fresh = State(identity=self._identity, generation=highest_rotated(self.path))
        try:
            file = trusted_file(self.path)
        except FileNotFoundError:
            return self._start(fresh)
        with file:
            layout = self.layout.found(file.readline())
            length, ranges = _scan(file, layout) if layout else (0, {})
        if layout:
            return self._rebuild_journal(replace(fresh, layout=layout.sha256), length, ranges)
        if self.path.stat().st_size:
            aside = move_aside(self.path, "damaged")
            self._log.error("CSV damaged", file=aside.name, reason="unknown header; renamed, new file started")
        return self._start(fresh)

    def _rebuild_journal(self, fresh: State, length: int, ranges: dict[int, tuple[int, int]]) -> State:
        self._log.warning("journal lost", file=str(self.path), action="offsets recovered by reading the CSV once")
        marks = {
            partition: Mark(token=0, first=first, offset=last, base=last) for partition, (first, last) in ranges.items()
        }
        with closing(open_trusted(self.path, os.O_RDWR)) as file:
            os.ftruncate(file, length)
            state = replace(fresh, sequence=1, length=length, tail=tail(file, length), marks=marks)
        self.journal.write(state)
        return state

    def _start(self, state: State) -> State:
        with closing(open_trusted(self.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, SHARED_MODE)) as file:
            os.pwrite(file, self.layout.header_line, 0)
            os.fdatasync(file)
            length = len(self.layout.header_line)
            state = replace(
                state,
                sequence=state.sequence + 1,
                length=length,
                tail=tail(file, length),
                replacement=None,
                layout=self.layout.sha256,
            )
        sync_folder(self.path.parent)
        self.journal.write(state)
        return state

    def _is_empty(self) -> bool:
        """Return whether the file has no rows: only the header, or a part of it."""
        header = self.layout.header_line
        with trusted_file(self.path) as file:
            return header.startswith(file.read(len(header) + 1))

    def _move_all_aside(self) -> Path:
        """Move the rotated files and the current one aside; return the current one's new name."""
        for file in rotated_files(self.path):
            move_aside(self.path, "former", file)
        return move_aside(self.path, "former")


def _match(file: int, state: State) -> State | None:
    """Return the state that the file is in: as journaled, or with its replacement in place; None: in neither."""
    candidates = [state, state.replaced()] if state.replacement else [state]
    size = os.fstat(file).st_size
    matches = (state for state in candidates if size >= state.length and tail(file, state.length) == state.tail)
    match = next(matches, None)
    return replace(match, replacement=None) if match else None


def _without_ranges(state: State) -> State:
    """Return the state without byte ranges, as their file is not in place any more."""
    return replace(state, marks={partition: replace(mark, start=0, end=0) for partition, mark in state.marks.items()})


def _scan(file: Iterator[bytes], layout: Layout) -> tuple[int, dict[int, tuple[int, int]]]:
    """Return the length of the complete lines, with the header, and each partition's first and last offset."""
    length, ranges = len(layout.header_line), dict[int, tuple[int, int]]()
    for line in file:
        try:
            stored = layout.stored_row(line)
        except ValueError:
            break
        if not line.endswith(b"\n"):
            break
        length += len(line)
        first, last = ranges.get(stored.partition, (stored.offset, stored.offset))
        ranges[stored.partition] = (min(first, stored.offset), max(last, stored.offset))
    return length, ranges
