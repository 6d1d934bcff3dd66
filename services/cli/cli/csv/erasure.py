"""Erasure of rows from the CSV and the files that were renamed from it, while scorers run.

Each file is replaced by a copy without the rows. For the live file, the journal has length and checksum of both: after
a crash in between, they show which of the two is on disk.
"""

import os
import stat
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

from cli.csv.erased import ErasedPlace, ErasedPlaces
from cli.csv.refill import REBUILT, known
from cli.erase.wanted import Rows
from fraudstream.csv_file.file import CsvFile, convert_errors, tail
from fraudstream.csv_file.journal import Mark, Replacement, State
from fraudstream.csv_file.layout import Layout
from fraudstream.csv_file.lock import PATIENCE_S, lock_of
from fraudstream.csv_file.paths import all_files, beside, rotated
from fraudstream.csv_file.protocol import Identity
from fraudstream.runtime.failpoints import failpoint
from fraudstream.runtime.regular_files import open_regular, regular_file, sync_folder, trusted_place

_ALL_BUT_OTHERS = 0o770
_OWNER_ONLY = 0o600
_BLOCK_BYTES = 1 << 20

Cut = tuple[int, int]
"""Byte range of an erased row: start and end."""


class CsvErasure:
    """Erasure of rows from the CSV at `path`, while scorers of `identity` may be running."""

    def __init__(self, path: Path, identity: Identity, layout: Layout, *, patience_s: float = PATIENCE_S) -> None:
        self._path = path
        self._file = CsvFile(path, identity, layout)
        self._layout = layout
        self._identity = identity
        self._lock = lock_of(path, patience_s)

    def count(self, rows: Rows) -> dict[Path, int]:
        """Return the number of rows in each file that has some. Raises SinkUnavailableError."""
        counts = {}
        for path in all_files(self._path):
            with convert_errors(path), suppress(FileNotFoundError):  # renamed by a scorer meanwhile
                counts[path] = self._count(path, rows)
        return {path: count for path, count in counts.items() if count}

    def without_ids(self) -> list[Path]:
        """Return the files of earlier schemas without a column of the ids. Raises SinkUnavailableError."""
        found = []
        for path in all_files(self._path):
            with convert_errors(path), suppress(FileNotFoundError), regular_file(trusted_place(path)) as file:
                layout = self._layout.found(file.readline())
                if layout and layout.id_column not in layout.columns:
                    found.append(path)
        return found

    def erase(self, rows: Rows, places: Collection[ErasedPlace]) -> dict[Path, int]:
        """Erase the rows and record the places; return the number of rows by file. Scorers wait meanwhile.

        Raises SinkUnavailableError or JournalForeignError; rows of some files may be erased then.
        """
        with convert_errors(self._path), self._lock.held():
            self._file.claim.check()
            state = known(self._path, self._identity)
            ErasedPlaces(self._path, self._identity.cluster, self._identity.topic).add(places)
            failpoint("erase_listed")
            beside(self._path, REBUILT).unlink(missing_ok=True)
            return self._erase(rows, has_live=state is not None or self._path.exists())

    def _erase(self, rows: Rows, *, has_live: bool) -> dict[Path, int]:
        counts = {self._path: self._erase_live(rows)} if has_live else {}
        # listed after the live file: opening it may have renamed it
        for path in all_files(self._path):
            if path != self._path and self._count(path, rows):
                counts[path] = self._erase_kept(path, rows)
        return {path: count for path, count in counts.items() if count}

    def _erase_live(self, rows: Rows) -> int:
        with self._file.opened() as (_, state), _copied(self._path, rows, self._layout) as copy:
            if not copy.cuts:
                return 0
            marks = _moved(state.marks, state.generation, copy.cuts)
            placed = {partition: (mark.start, mark.end) for partition, mark in marks.items()}
            replacement = Replacement(length=copy.length, tail=copy.tail, placed=placed)
            announced = replace(state, sequence=state.sequence + 1, replacement=replacement)
            self._file.journal.write(announced)
            failpoint("erase_announced")
            copy.replace()
            failpoint("erase_replaced")
            self._file.journal.write(replace(announced.replaced(), sequence=announced.sequence + 1))
            failpoint("erase_done")
            return len(copy.cuts)

    def _erase_kept(self, path: Path, rows: Rows) -> int:
        with _copied(path, rows, self._layout) as copy:
            state = self._file.journal.read()
            generation = self._generation(state, path) if state else None
            if state is None or generation is None:
                copy.replace()
                return len(copy.cuts)
            # no mark refers to the file during the replacement: a crash then loses only rows that a replay would read
            marks = {
                partition: replace(mark, start=0, end=0) if mark.generation == generation else mark
                for partition, mark in state.marks.items()
            }
            self._file.journal.write(replace(state, sequence=state.sequence + 1, marks=marks))
            failpoint("erase_announced")
            copy.replace()
            failpoint("erase_replaced")
            moved = _moved(state.marks, generation, copy.cuts)
            self._file.journal.write(replace(state, sequence=state.sequence + 2, marks=moved))
            return len(copy.cuts)

    def _count(self, path: Path, rows: Rows) -> int:
        with regular_file(trusted_place(path)) as file:
            return sum(is_row for _, is_row in _judged(file, rows, self._layout))

    def _generation(self, state: State, path: Path) -> int | None:
        """Return the generation of a rotated file, if the last batch of a partition is in it."""
        generations = {mark.generation for mark in state.marks.values() if mark.end > mark.start}
        return next((one for one in generations if one != state.generation and rotated(self._path, one) == path), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    """A copy without the rows, which were at `cuts`, with its length and checksum; `replace` moves it into place."""

    part: Path
    target: Path
    cuts: Sequence[Cut]
    length: int
    tail: int

    def replace(self) -> None:
        self.part.replace(self.target)
        sync_folder(self.target.parent)


@contextmanager
def _copied(path: Path, rows: Rows, layout: Layout) -> Iterator[_Copy]:
    """Copy the file without the rows, beside it; delete the copy at the end, unless it was moved into place."""
    target = trusted_place(path)  # resolves our own link: otherwise the linked file would keep the rows
    part = beside(target, "erasing")
    cuts: list[Cut] = []
    position = 0
    part.unlink(missing_ok=True)
    try:
        with regular_file(target) as source, _created(part) as copy:
            for lines, is_row in _judged(source, rows, layout):
                end = position + len(lines)
                if is_row:
                    cuts.append((position, end))
                else:
                    copy.write(lines)
                position = end
            copy.flush()
            _copy_owner_and_mode(os.fstat(source.fileno()), copy)
            if cuts:
                os.fsync(copy.fileno())
            length = copy.tell()
            checksum = tail(copy.fileno(), length)
        yield _Copy(part=part, target=target, cuts=cuts, length=length, tail=checksum)
    finally:
        part.unlink(missing_ok=True)


def _created(path: Path) -> BinaryIO:
    return os.fdopen(open_regular(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "w+b")


def _copy_owner_and_mode(source: os.stat_result, copy: BinaryIO) -> None:
    """Copy the source's owner, if permitted, and its mode without the permissions for others."""
    with suppress(PermissionError):
        os.fchown(copy.fileno(), source.st_uid, source.st_gid)
    os.fchmod(copy.fileno(), stat.S_IMODE(source.st_mode) & _ALL_BUT_OTHERS)


def _judged(file: BinaryIO, rows: Rows, layout: Layout) -> Iterator[tuple[bytes, bool]]:
    """Yield the file's content: single lines, and whether to erase them, or blocks of lines to keep.

    The file's own header states its columns, which may be those of an earlier schema; without one, `layout` does.
    """
    first = file.readline()
    if found := layout.found(first):
        yield first, False
    else:
        file.seek(0)
    while block := file.read(_BLOCK_BYTES):
        block += file.readline()
        if rows.may_be_in(block):
            yield from ((line, rows.match(line, found or layout)) for line in BytesIO(block))
        else:
            yield block, False


def _moved(marks: Mapping[int, Mark], generation: int, cuts: Sequence[Cut]) -> dict[int, Mark]:
    """Return the marks, with the byte ranges of this generation as they are after the cuts."""
    starts = [start for start, _ in cuts]
    erased = [0, *accumulate(end - start for start, end in cuts)]

    def after(position: int) -> int:
        return position - erased[bisect_left(starts, position)]

    return {
        partition: replace(mark, start=after(mark.start), end=after(mark.end))
        if mark.generation == generation
        else mark
        for partition, mark in marks.items()
    }
