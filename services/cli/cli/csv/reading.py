"""The whole CSV, read by partition in order: rotated files, files renamed as damaged, and the live file."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from fraudstream.csv_file.file import convert_errors
from fraudstream.csv_file.layout import Layout
from fraudstream.csv_file.paths import damaged_files, rotated_files
from fraudstream.runtime.regular_files import open_trusted

_BLOCK_BYTES = 64 << 10
_READ_BYTES = 1 << 20
_PLACE_BYTES = 64
_EXAMPLES = 20
_DIGITS = 19
"""Maximum digits of a partition or an offset; Python refuses to parse thousands of digits."""


@dataclass(slots=True, kw_only=True)
class _File:
    """An open file, read up to its size when it was opened."""

    name: str
    descriptor: int
    size: int
    layout: Layout
    ranges: dict[int, list[tuple[int, int]]] = field(default_factory=dict)


class CsvSnapshot:
    """Snapshot of the rows at the time of opening, which reads all files once; files may be renamed meanwhile.

    Each file's own header states its columns: rotated files may have those of an earlier schema. A file without a
    header of ours is read by the present layout.

    Rows of a partition are in order within a file, so files are sorted by their first row of it. `unreadable` counts
    the lines whose partition can't be read; `unreadable_lines` are the first of them.
    """

    def __init__(self, paths: list[Path], layout: Layout) -> None:
        self.unreadable = 0
        self.unreadable_lines: list[str] = []
        self._files: list[_File] = []
        self._layout = layout
        seen: set[tuple[int, int]] = set()
        with convert_errors("CSV"), ExitStack() as stack:
            stack.callback(self.close)
            for path in paths:
                self._open(path, seen)
            for file in self._files:
                self._index(file)
            stack.pop_all()

    @property
    def names(self) -> list[str]:
        """Names of the existing files."""
        return [file.name for file in self._files]

    @property
    def partitions(self) -> set[int]:
        """The partitions that have rows."""
        return {partition for file in self._files for partition in file.ranges}

    def lines(self, partition: int) -> Iterator[tuple[Layout, list[bytes]]]:
        """Yield the lines of `partition` in chunks, with their columns; some may be of other partitions."""
        for file in self._in_order(partition):
            for start, end in file.ranges[partition]:
                for lines in _lines(file.descriptor, start, end):
                    yield file.layout, _maybe_of(partition, lines)

    def first(self, partition: int) -> int | None:
        """Return the lowest offset of `partition`; None if it has no row."""
        return min((_first(file, partition) for file in self._in_order(partition)), default=None)

    def last(self, partition: int) -> int:
        """Return the highest offset of `partition`; -1 if it has no row."""
        highest = -1
        for file in self._in_order(partition):
            start, end = file.ranges[partition][-1]
            for lines in _lines(file.descriptor, max(start, end - 2 * _BLOCK_BYTES), end):
                highest = max([highest, *_offsets(partition, lines)])
        return highest

    def close(self) -> None:
        """Close the files."""
        while self._files:
            os.close(self._files.pop().descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, path: Path, seen: set[tuple[int, int]]) -> None:
        try:
            descriptor = open_trusted(path, os.O_RDONLY)
        except FileNotFoundError:
            return
        status = os.fstat(descriptor)
        if (status.st_dev, status.st_ino) in seen:  # rotated since the listing: the file is already open
            os.close(descriptor)
            return
        seen.add((status.st_dev, status.st_ino))
        self._files.append(_File(name=path.name, descriptor=descriptor, size=status.st_size, layout=self._layout))

    def _index(self, file: _File) -> None:
        """Record the blocks in which each partition has rows."""
        for start, end, lines in _blocks(file.descriptor, 0, file.size, _BLOCK_BYTES):
            if start == 0 and lines and (found := self._layout.found(lines[0] + b"\n")):
                file.layout = found
                del lines[0]
            for place in {_partition(line) for line in lines}:
                if not _is_number(place):
                    self._note_unreadable(file, lines)
                    continue
                ranges = file.ranges.setdefault(int(place), [])
                if ranges and ranges[-1][1] == start:
                    ranges[-1] = (ranges[-1][0], end)
                elif not ranges or ranges[-1][1] < end:
                    ranges.append((start, end))

    def _note_unreadable(self, file: _File, lines: list[bytes]) -> None:
        for line in lines:
            if not _is_number(_partition(line)):
                self.unreadable += 1
                if len(self.unreadable_lines) < _EXAMPLES:
                    self.unreadable_lines.append(f"{file.name}: {line[:100].decode(errors='replace')!r}")

    def _in_order(self, partition: int) -> list[_File]:
        files = [file for file in self._files if partition in file.ranges]
        return sorted(files, key=lambda file: _first(file, partition))


def files(path: Path) -> list[Path]:
    """Return all files with rows of the CSV at `path`: the live file first, so that a rotation meanwhile hides none."""
    return [path, *rotated_files(path), *damaged_files(path)]


def _blocks(descriptor: int, start: int, end: int, size: int) -> Iterator[tuple[int, int, list[bytes]]]:
    """Yield whole lines, without line ends, and their byte range; a last line without a line end is omitted."""
    rest = b""
    position = start
    while position < end:
        data = os.pread(descriptor, min(size, end - position), position)
        if not data:
            return
        begin, position = position - len(rest), position + len(data)
        lines = (rest + data).split(b"\n")
        rest = lines.pop()
        if lines:
            yield begin, position - len(rest), lines


def _lines(descriptor: int, start: int, end: int) -> Iterator[list[bytes]]:
    for _, _, lines in _blocks(descriptor, start, end, _READ_BYTES):
        yield lines


def _partition(line: bytes) -> bytes:
    # the last two cells are never quoted, so that quotes and commas in others don't matter
    cells = line.rsplit(b",", 2)
    return cells[1] if len(cells) == 3 else b""  # noqa: PLR2004 - cells before, partition, offset


def _is_number(cell: bytes) -> bool:
    return cell.isdigit() and len(cell) <= _DIGITS


def _maybe_of(partition: int, lines: list[bytes]) -> list[bytes]:
    """Return the lines that may have `partition` in the last cell but one; parsing the row rejects false matches."""
    place = b",%d," % partition
    return [line for line in lines if line.find(place, -_PLACE_BYTES) >= 0]


def _offsets(partition: int, lines: list[bytes]) -> Iterator[int]:
    wanted = b"%d" % partition
    for line in _maybe_of(partition, lines):
        cell = line.rsplit(b",", 1)[-1].strip()
        if _partition(line) == wanted and _is_number(cell):
            yield int(cell)


def _first(file: _File, partition: int) -> int:
    for start, end in file.ranges[partition]:
        for lines in _lines(file.descriptor, start, end):
            for offset in _offsets(partition, lines):
                return offset
    return -1
