"""The lines of a JSON Lines file, held to the wire's rules."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from fraudstream.events import InvalidPayment, decode_all
from fraudstream.offline.batch import LARGEST, LONGEST_LINE, Batch

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def batches(path: Path, rows: int) -> Iterator[Batch]:
    """Up to so many lines at a time, without blank ones. Raises OSError."""
    with path.open("rb") as file:
        numbered = _numbered(file)
        while some := _some(numbered, rows):
            events = decode_all([line.strip() for _, line in some])
            for index, (_, line) in enumerate(some):
                if len(line) == LONGEST_LINE:
                    events[index] = InvalidPayment(reason="too_long", detail=f"longer than {LONGEST_LINE} bytes")
            yield Batch(lines=[line for line, _ in some], events=events)


def _numbered(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank; of one that is too long, its beginning."""
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        rest = line
        while len(rest) == LONGEST_LINE and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST_LINE)
        if number == 1:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if line.strip() or len(line) == LONGEST_LINE:
            yield number, line


def _some(numbered: Iterator[tuple[int, bytes]], rows: int) -> list[tuple[int, bytes]]:
    some, size = [], 0
    for number, line in islice(numbered, rows):
        some.append((number, line))
        size += len(line)
        if size > LARGEST:
            break
    return some
