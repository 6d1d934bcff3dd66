"""Rebuild of a lost CSV: written beside its path, then moved into place with a journal that continues from it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from fraudstream.csv_file.file import CsvFile, convert_errors, tail
from fraudstream.csv_file.journal import Mark, State, journal_of
from fraudstream.csv_file.layout import Layout
from fraudstream.csv_file.lock import PATIENCE_S, lock_of
from fraudstream.csv_file.paths import beside, damaged_files, highest_rotated, move_aside
from fraudstream.csv_file.protocol import Identity
from fraudstream.errors import FraudstreamError, JournalForeignError
from fraudstream.runtime.own_command import own_command
from fraudstream.runtime.regular_files import create_regular, regular_file, sync_folder, trusted_file

REBUILT = "rebuilt"
"""The new file, beside the CSV."""
_MOST_HEADER_BYTES = 1 << 20


class CsvExistsError(FraudstreamError):
    """The CSV already has rows, which a rebuilt CSV would repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Decided offsets of a partition whose rows are written: first ≤ o < end (`first` is -1 if unknown)."""

    first: int
    end: int


def known(path: Path, identity: Identity) -> State | None:
    """Return the state in the journal beside the CSV, if any. Raises JournalForeignError if it has another identity."""
    with convert_errors(path):
        state = journal_of(path).read()
    if state is None or state.identity == identity:
        return state
    theirs = state.identity
    raise JournalForeignError(
        f"CSV_PATH: {path} belongs to consumer group {theirs.group!r} on topic {theirs.topic!r} of "
        f"{'this' if theirs.cluster == identity.cluster else 'another'} cluster, "
        f"not to {identity.group!r} on {identity.topic!r}"
    )


class CsvRefill:
    """Rebuild of a CSV: in `with refill.locked():`, `write` rows, then `finish`, which makes the first change."""

    def __init__(self, path: Path, identity: Identity, layout: Layout, *, patience_s: float = PATIENCE_S) -> None:
        self._path = path
        self._identity = identity
        self._layout = layout
        self._csv = CsvFile(path, identity, layout)
        self._lock = lock_of(path, patience_s)
        self._part = beside(path, REBUILT)
        self._file: BinaryIO | None = None

    @contextmanager
    def locked(self) -> Iterator[State]:
        """Yield the journal's state while no scorer can write. Raises SinkUnavailableError for an OSError."""
        with convert_errors(self._path), self._lock.held():
            self._csv.claim.check()
            state = known(self._path, self._identity) or State(identity=self._identity)
            try:
                with create_regular(self._part) as self._file:
                    self._file.write(self._layout.header_line)
                    yield state
            finally:
                self._part.unlink(missing_ok=True)

    def refuse_to_repeat(self) -> None:
        """Raise CsvExistsError if the CSV has rows, or a damaged one is beside it."""
        for path in self._existing():
            raise CsvExistsError(
                f"{path} has rows, which would be there twice; {own_command('rebuild --force')} renames it first"
            )

    def write(self, rows: Sequence[bytes]) -> None:
        """Append rows to the new file."""
        self._new.write(b"".join(rows))

    def finish(self, state: State, reached: Mapping[int, Reached]) -> list[Path]:
        """Move file and journal into place; return the new paths of the previous files, which are renamed.

        The journal is written first: after a crash between the two, scorers neither repeat nor omit a record.
        """
        self._new.flush()
        length = self._new.tell()
        os.fsync(self._new.fileno())
        with regular_file(self._part) as file:
            checksum = tail(file.fileno(), length)
        self._csv.journal.write(
            replace(
                state,
                sequence=state.sequence + 1,
                generation=max(state.generation, highest_rotated(self._path)),
                length=length,
                tail=checksum,
                marks=_marks(state, reached),
                replacement=None,
                layout=self._layout.sha256,
            )
        )
        renamed = [move_aside(self._path, "replaced", file) for file in self._existing()]
        self._part.rename(self._path)
        sync_folder(self._path.parent)
        return renamed

    @property
    def _new(self) -> BinaryIO:
        assert self._file is not None, "locked() comes first"  # noqa: S101
        return self._file

    def _existing(self) -> list[Path]:
        return [*([self._path] if _has_rows(self._path) else []), *damaged_files(self._path)]


def _has_rows(path: Path) -> bool:
    """Return whether the file has more than its first line, the header of this schema or of an earlier one."""
    try:
        with trusted_file(path) as file:
            return len(file.readline(_MOST_HEADER_BYTES)) < os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        return False


def _marks(state: State, reached: Mapping[int, Reached]) -> dict[int, Mark]:
    unplaced = {partition: replace(mark, start=0, end=0) for partition, mark in state.marks.items()}
    return unplaced | {
        partition: _mark(state.marks.get(partition), there, state.era) for partition, there in reached.items()
    }


def _mark(previous: Mark | None, reached: Reached, era: int) -> Mark:
    """Return a mark up to the committed offset: rows stored but never committed are scored again."""
    first = previous.first if previous and previous.first >= 0 else reached.first
    last = reached.end - 1
    return Mark(token=(previous.token if previous else 0) + 1, first=first, offset=last, base=last, era=era)
