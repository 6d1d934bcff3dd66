"""Rows of a table file whatever its columns: cells by the names of a header, or the objects of JSON Lines."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fraudstream.errors import PaymentFileError
from fraudstream.payment_files import opening
from fraudstream.payment_files.physical_lines import LONGEST_LINE, lines
from fraudstream.payment_files.quoting import DELIMITERS, cells
from fraudstream.payment_files.reading import is_json


@dataclass(frozen=True, slots=True)
class Unread:
    """The reason why a line can't be split into cells."""

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyTable:
    """A file's rows with their line numbers; blank lines are skipped."""

    columns: tuple[str, ...]
    """Names in the header; none in JSON Lines."""
    rows: Iterator[tuple[int, bytes | Mapping[str, str] | Unread]]
    """A line of JSON Lines as it is, or the cells by column."""


@contextmanager
def opened(path: Path) -> Iterator[AnyTable]:
    """Open a file. Raises PaymentFileError if it can't be read, or has no usable header."""
    in_json = is_json(path)
    with opening.opened(path) as content:
        numbered = _numbered(content.chunks)
        if in_json:
            yield AnyTable(columns=(), rows=numbered)
            return
        number, line = next(numbered, (0, b""))
        if not number:
            raise PaymentFileError(f"{path}: the file is empty; its first line must name the columns")
        names, delimiter = _header(f"{path}, line {number:,}", line)
        rows = ((number, _row(names, delimiter, line)) for number, line in numbered)
        yield AnyTable(columns=names, rows=rows)


def _numbered(chunks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    number = 0
    for part in lines(chunks):
        for number, line in enumerate(part, number + 1):  # noqa: B020 - the count continues
            if line.strip():
                yield number, line


def _header(place: str, line: bytes) -> tuple[tuple[str, ...], str]:
    """Return the names, and the delimiter that splits the line into the most cells."""
    try:
        text = line.decode()
        split = {mark: [name.strip() for name in cells(text, mark)] for mark in DELIMITERS}
    except ValueError:
        raise PaymentFileError(f"{place}: the header is not UTF-8 text, or has an open quote") from None
    delimiter = max(DELIMITERS, key=lambda mark: len(split[mark]))
    names = split[delimiter]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise PaymentFileError(f"{place}: two columns are named {twice!a}; give each column a name of its own")
    return tuple(names), delimiter


def _row(names: tuple[str, ...], delimiter: str, line: bytes) -> Mapping[str, str] | Unread:
    if len(line) > LONGEST_LINE:
        return Unread(f"longer than {LONGEST_LINE:,} bytes")
    try:
        row = cells(line.decode(), delimiter)
    except UnicodeDecodeError:
        return Unread("not UTF-8 text")
    except ValueError as error:
        return Unread(str(error))
    if len(row) != len(names):
        return Unread(f"{len(row)} cells, but the header has {len(names)} columns")
    return dict(zip(names, row, strict=True))
