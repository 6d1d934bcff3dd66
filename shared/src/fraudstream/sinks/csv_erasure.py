"""Rows erased from the CSV and the files that were renamed from it, while scorers run.

Each file is replaced by a copy without the rows. Of the live file, the journal has length and checksum before and after
the replacement: after a crash in between, the file on disk shows which of the two it is.
"""

import os
import re
import stat
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

from fraudstream.erasure.wanted import Rows
from fraudstream.errors import SinkUnavailableError
from fraudstream.failpoints import failpoint
from fraudstream.sinks.csv_file import CsvFile, tail
from fraudstream.sinks.csv_refill import known
from fraudstream.sinks.erased import ErasedPlace, ErasedPlaces
from fraudstream.sinks.filesystem import sync_folder
from fraudstream.sinks.journal import Mark, Replacement, State
from fraudstream.sinks.lock import FileLock
from fraudstream.sinks.protocol import Identity

_PATIENCE_S = 10.0
_ALL_BUT_OTHERS = 0o770
_BLOCK_BYTES = 1 << 20

Cut = tuple[int, int]
"""An erased row's bytes: start and end."""


class CsvErasure:
    """Erases rows from the CSV at `path`, of which scorers of `identity` may be running."""

    def __init__(self, path: Path, identity: Identity, *, patience_s: float = _PATIENCE_S) -> None:
        self._path = path
        self._file = CsvFile(path, identity)
        self._identity = identity
        self._lock = FileLock(path.with_name(f".{path.name}.lock"), patience_s)
        self._part = path.with_name(f".{path.name}.erasing")

    def count(self, rows: Rows) -> dict[Path, int]:
        """Count the rows in each file that has some. Raises SinkUnavailableError."""
        counts = {}
        for path in files(self._path):
            try:
                with path.open("rb") as file:
                    counts[path] = sum(is_row for _, is_row in _judged(file, rows))
            except FileNotFoundError:
                continue  # renamed by a scorer meanwhile
            except OSError as error:
                raise _unavailable(error, path) from error
        return {path: count for path, count in counts.items() if count}

    def erase(self, rows: Rows, places: Collection[ErasedPlace]) -> dict[Path, int]:
        """Erase the rows and list the places; return the rows of each file. Scorers wait meanwhile.

        Raises SinkUnavailableError or JournalForeignError; some of the files may be done then.
        """
        try:
            with self._lock.held():
                self._file.claim.check()
                state = known(self._path, self._identity)
                ErasedPlaces(self._path, self._identity.cluster, self._identity.topic).add(places)
                failpoint("erase_listed")
                self._path.with_name(f".{self._path.name}.rebuilt").unlink(missing_ok=True)
                try:
                    return self._erase(rows, has_live=state is not None or self._path.exists())
                finally:
                    self._part.unlink(missing_ok=True)
        except OSError as error:
            raise _unavailable(error, self._path) from error

    def _erase(self, rows: Rows, *, has_live: bool) -> dict[Path, int]:
        counts = {self._path: self._erase_live(rows)} if has_live else {}
        # listed after the live file: opening it may have moved it aside
        for path in files(self._path):
            if path != self._path:
                counts[path] = self._erase_kept(path, rows)
        return {path: count for path, count in counts.items() if count}

    def _erase_live(self, rows: Rows) -> int:
        with self._file.opened() as (_, state):
            cuts, length, checksum = self._copy(self._path, rows)
            if not cuts:
                return 0
            marks = _moved(state.marks, state.generation, cuts)
            placed = {partition: (mark.start, mark.end) for partition, mark in marks.items()}
            replacement = Replacement(length=length, tail=checksum, placed=placed)
            announced = replace(state, sequence=state.sequence + 1, replacement=replacement)
            self._file.journal.write(announced)
            failpoint("erase_announced")
            self._replace(self._path)
            failpoint("erase_replaced")
            self._file.journal.write(replace(announced.replaced(), sequence=announced.sequence + 1))
            failpoint("erase_done")
        return len(cuts)

    def _erase_kept(self, path: Path, rows: Rows) -> int:
        cuts, _, __ = self._copy(path, rows)
        if not cuts:
            return 0
        state = self._file.journal.read()
        if state is None or (generation := self._generation(state, path)) is None:
            self._replace(path)
            return len(cuts)
        # meanwhile no mark leads into the file: a crash in between loses only what a replay would have read there
        marks = {
            partition: replace(mark, start=0, end=0) if mark.generation == generation else mark
            for partition, mark in state.marks.items()
        }
        unplaced = replace(state, sequence=state.sequence + 1, marks=marks)
        self._file.journal.write(unplaced)
        failpoint("erase_announced")
        self._replace(path)
        failpoint("erase_replaced")
        moved = _moved(state.marks, generation, cuts)
        self._file.journal.write(replace(unplaced, sequence=unplaced.sequence + 1, marks=moved))
        return len(cuts)

    def _generation(self, state: State, path: Path) -> int | None:
        """The generation of a kept file, if the last batch of a partition is in it."""
        generations = {mark.generation for mark in state.marks.values() if mark.end > mark.start}
        return next((one for one in generations if one != state.generation and self._file.rotated(one) == path), None)

    def _copy(self, path: Path, rows: Rows) -> tuple[list[Cut], int, int]:
        """Copy `path` without the rows; return them, and length and checksum of the copy."""
        cuts: list[Cut] = []
        position = 0
        with path.open("rb") as source, self._part.open("w+b") as part:
            for lines, is_row in _judged(source, rows):
                end = position + len(lines)
                if is_row:
                    cuts.append((position, end))
                else:
                    part.write(lines)
                position = end
            part.flush()
            if not cuts:
                return [], 0, 0
            os.fchmod(part.fileno(), stat.S_IMODE(os.fstat(source.fileno()).st_mode) & _ALL_BUT_OTHERS)
            os.fsync(part.fileno())
            length = part.tell()
            return cuts, length, tail(part.fileno(), length)

    def _replace(self, path: Path) -> None:
        self._part.replace(path)
        sync_folder(path.parent)


def files(path: Path) -> list[Path]:
    """Return the CSV at `path`, and each file beside it that was renamed from it: full, damaged, former, replaced."""
    kept = rf"\.(?:\d{{4,}}|(?:damaged|former|replaced)-\d+){re.escape(path.suffix)}"
    name = re.compile(re.escape(path.stem) + rf"(?:{kept}|{re.escape(path.suffix)})")
    try:
        return sorted(one for one in path.parent.iterdir() if name.fullmatch(one.name) and one.is_file())
    except FileNotFoundError:
        return []


def _judged(file: BinaryIO, rows: Rows) -> Iterator[tuple[bytes, bool]]:
    """Yield the file's content: single lines, and whether they are to be erased, or many lines that are not."""
    while block := file.read(_BLOCK_BYTES):
        block += file.readline()
        if rows.may_be_in(block):
            yield from ((line, rows.match(line)) for line in BytesIO(block))
        else:
            yield block, False


def _moved(marks: Mapping[int, Mark], generation: int, cuts: Sequence[Cut]) -> dict[int, Mark]:
    """Return the marks, those of the generation with the byte ranges that they have after the cuts."""
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


def _unavailable(error: OSError, path: Path) -> SinkUnavailableError:
    return SinkUnavailableError(f"{error.filename or path}: {error.strerror or error}")
