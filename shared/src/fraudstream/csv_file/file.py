"""The CSV on disk, held against its journal: what has befallen it is mended before anyone appends.

docs/operations.md tells what a user sees of each case. The caller holds the lock; any OSError leaves both as they were.
"""

import errno
import glob
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import structlog

from fraudstream.csv_file.claim import Claim
from fraudstream.csv_file.filesystem import sync_folder
from fraudstream.csv_file.journal import Journal, Mark, State
from fraudstream.csv_file.protocol import Identity
from fraudstream.runtime.regular_files import open_trusted
from fraudstream.scored_payment import HEADER, stored_row

HEADER_LINE = HEADER.encode() + b"\n"
_MODE = 0o660
_TAIL_BYTES = 4096


def tail(file: int, length: int) -> int:
    """The checksum of the last 4 KiB before `length`: enough to notice that somebody changed the file's end."""
    start = max(0, length - _TAIL_BYTES)
    return zlib.crc32(os.pread(file, length - start, start))


class CsvFile:
    """The file beside its journal; both belong to `identity`."""

    def __init__(self, path: Path, identity: Identity) -> None:
        self.path = path
        self.journal = Journal(path.with_name(f".{path.name}.journal"))
        self.claim = Claim(path, identity)
        self._identity = identity
        self._log = structlog.get_logger()

    @contextmanager
    def opened(self) -> Iterator[tuple[int, State]]:
        """The file, open for reading and writing, and its state; both mended."""
        state = self._mended()
        file = open_trusted(self.path, os.O_RDWR)
        try:
            yield file, state
        finally:
            os.close(file)

    def rotated(self, number: int) -> Path:
        """The name under which the file of that generation is kept once the next one has begun."""
        return self.path.with_name(f"{self.path.stem}.{number + 1:04d}{self.path.suffix}")

    def highest(self) -> int:
        """The highest number under which a file is kept, 0 if there is none: generations begin there."""
        return max((int(file.stem.rpartition(".")[2]) for file in self._numbered()), default=0)

    def rotate(self, state: State) -> State:
        """Keep the file under its number and begin the next one; byte ranges go on meaning the old one."""
        if self.rotated(state.generation).exists():
            raise FileExistsError(errno.EEXIST, "kept files are never overwritten", str(self.rotated(state.generation)))
        self.path.rename(self.rotated(state.generation))
        self._log.info("CSV rotated", kept=self.rotated(state.generation).name, bytes=state.length)
        return self._next(state)

    def renew(self, state: State, partitions: frozenset[int]) -> None:
        """The topic was made anew: forget what was decided of `partitions`; tokens stay.

        The first of a topic's partitions that are found anew begin an era and set the file aside; those found later,
        by another replica maybe, must not: it has rows of the new topic already.
        """
        begins = any(state.marks[partition].era == state.era for partition in partitions)
        era = state.era + 1 if begins else state.era
        renewed = {partition: Mark(token=state.marks[partition].token, era=era) for partition in partitions}
        state = replace(state, era=era, marks={**state.marks, **renewed})
        if begins:
            aside = self._set_all_aside()
            self._log.warning("CSV set aside", file=aside.name, reason="the topic was made anew")
            self._start(_unplaced(replace(state, generation=0)))
        else:
            self.journal.write(replace(state, sequence=state.sequence + 1))

    def _mended(self) -> State:
        state = self.journal.read()
        if state is None:
            return self._without_journal()
        if state.identity != self._identity:
            return self._foreign(state)
        try:
            file = open_trusted(self.path, os.O_RDWR)
        except FileNotFoundError:
            return self._missing(state)
        try:
            found = _matching(file, state)
            if found and os.fstat(file).st_size > found.length:
                os.ftruncate(file, found.length)  # a dead writer's torn tail
        finally:
            os.close(file)
        if found and state.replacement:  # an erasure was killed
            found = replace(found, sequence=state.sequence + 1)
            self.journal.write(found)
        if found:
            return found
        if self._is_kept(state) and _is_begun(self.path):
            return self._next(state)
        aside = self._set_aside("damaged")
        self._log.error("CSV damaged", file=aside.name, reason="changed by someone else; set aside, a new one is begun")
        return self._start(_unplaced(state))

    def _missing(self, state: State) -> State:
        if self._is_kept(state):
            return self._next(state)
        if state.length > len(HEADER_LINE):
            self._log.warning("CSV missing", file=str(self.path), action="a new one is begun; nothing is scored again")
        return self._start(_unplaced(state))

    def _is_kept(self, state: State) -> bool:
        """Return whether a rotation has renamed the file of this state: it was killed before the journal knew."""
        rotated = self.rotated(state.generation)
        return rotated.exists() and rotated.stat().st_size == state.length

    def _next(self, state: State) -> State:
        """Begin the file after a rotation."""
        return self._start(replace(state, generation=state.generation + 1))

    def _foreign(self, state: State) -> State:
        theirs, ours = state.identity, self._identity
        # with a claim of our own, somebody without one writes: moving the file aside in turns would never end
        if self.claim.held or (theirs.cluster, theirs.topic) == (ours.cluster, ours.topic):
            raise self.claim.refusal(theirs)
        if self.path.exists():
            aside = self._set_all_aside()
            self._log.warning("CSV set aside", file=aside.name, reason="it is of another Kafka cluster or topic")
        return self._start(State(identity=ours, sequence=state.sequence, generation=self.highest()))

    def _without_journal(self) -> State:
        fresh = State(identity=self._identity, generation=self.highest())
        try:
            file = os.fdopen(open_trusted(self.path, os.O_RDONLY), "rb")
        except FileNotFoundError:
            return self._start(fresh)
        with file:
            ours = file.readline() == HEADER_LINE
            length, ranges = _scan(file) if ours else (0, {})
        if ours:
            return self._recovered(fresh, length, ranges)
        if self.path.stat().st_size:
            aside = self._set_aside("damaged")
            self._log.error("CSV damaged", file=aside.name, reason="its header is not ours; set aside")
        return self._start(fresh)

    def _recovered(self, fresh: State, length: int, ranges: dict[int, tuple[int, int]]) -> State:
        self._log.warning("journal lost", file=str(self.path), action="offsets found by reading the CSV once")
        marks = {
            partition: Mark(token=0, first=first, offset=last, base=last) for partition, (first, last) in ranges.items()
        }
        file = open_trusted(self.path, os.O_RDWR)
        try:
            os.ftruncate(file, length)
            state = replace(fresh, sequence=1, length=length, tail=tail(file, length), marks=marks)
        finally:
            os.close(file)
        self.journal.write(state)
        return state

    def _start(self, state: State) -> State:
        file = open_trusted(self.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, _MODE)
        try:
            os.pwrite(file, HEADER_LINE, 0)
            os.fdatasync(file)
            length = len(HEADER_LINE)
            checksum = tail(file, length)
            state = replace(state, sequence=state.sequence + 1, length=length, tail=checksum, replacement=None)
        finally:
            os.close(file)
        sync_folder(self.path.parent)
        self.journal.write(state)
        return state

    def _numbered(self) -> list[Path]:
        """The kept files, in order."""
        return sorted(self.path.parent.glob(f"{glob.escape(self.path.stem)}.[0-9][0-9][0-9][0-9]{self.path.suffix}"))

    def _set_all_aside(self) -> Path:
        """Set the numbered files and the live one aside; returns the live one's new name."""
        for file in self._numbered():
            self._set_aside("former", file)
        return self._set_aside("former")

    def _set_aside(self, why: str, file: Path | None = None) -> Path:
        number = 1
        while (aside := self.path.with_name(f"{self.path.stem}.{why}-{number}{self.path.suffix}")).exists():
            number += 1
        (file or self.path).rename(aside)
        return aside


def _matching(file: int, state: State) -> State | None:
    """Return the state that the file is in: as journaled, or with its replacement in place; None: in neither."""
    candidates = [state, state.replaced()] if state.replacement else [state]
    size = os.fstat(file).st_size
    matches = (one for one in candidates if size >= one.length and tail(file, one.length) == one.tail)
    found = next(matches, None)
    return replace(found, replacement=None) if found else None


def _is_begun(path: Path) -> bool:
    """Return whether the file has nothing but the header, or a part of it."""
    with os.fdopen(open_trusted(path, os.O_RDONLY), "rb") as file:
        return HEADER_LINE.startswith(file.read(len(HEADER_LINE) + 1))


def _unplaced(state: State) -> State:
    """The state without byte ranges: the file that they were in is not there any more."""
    return replace(state, marks={partition: replace(mark, start=0, end=0) for partition, mark in state.marks.items()})


def _scan(file: Iterator[bytes]) -> tuple[int, dict[int, tuple[int, int]]]:
    """The length of the whole lines, header included, and each partition's first and last offset."""
    length, ranges = len(HEADER_LINE), dict[int, tuple[int, int]]()
    for line in file:
        try:
            stored = stored_row(line.decode())
        except ValueError:
            break
        if not line.endswith(b"\n"):
            break
        length += len(line)
        first, last = ranges.get(stored.partition, (stored.offset, stored.offset))
        ranges[stored.partition] = (min(first, stored.offset), max(last, stored.offset))
    return length, ranges
