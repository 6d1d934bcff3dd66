"""Rows of a table file whatever its columns: cells by the names of a header, or the objects of JSON Lines."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from fraudstream.errors import PaymentFileError
from fraudstream.payment_files import decimals, delimited, header, opening
from fraudstream.payment_files.header import Header
from fraudstream.payment_files.physical_lines import lines
from fraudstream.payment_files.reading import first_line, is_json

Content = bytes | Mapping[str, str] | None
"""A line of JSON Lines as it is, or the cells by column; None if they can't be split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyTable:
    """A file's rows; blank lines are skipped."""

    columns: tuple[str, ...]
    """Names in the header; none in JSON Lines."""
    rows: Iterator[Content]


@contextmanager
def opened(path: Path) -> Iterator[AnyTable]:
    """Open a file. Raises PaymentFileError if it can't be read, or has no usable header."""
    in_json = is_json(path)
    with opening.opened(path) as content:
        parts = lines(content.chunks)
        if in_json:
            yield AnyTable(columns=(), rows=(line for part in parts for line in part if line.strip()))
            return
        number, line, rest = first_line(parts)
        if not number:
            raise PaymentFileError(f"{path}: the file is empty; its first line must name the columns")
        place = f"{path}, line {number:,}"
        found = header.split(place, line, len)
        if len(found.names) == 1 and "|" in found.names[0]:
            raise PaymentFileError(f"{place}: one column: comma, semicolon and tab are supported as delimiters")
        header.check_names(place, found.names)
        sample = rest or next(parts, [])
        rows = _rows(found, chain([sample], parts))
        if _has_decimal_commas(found, sample):
            rows = map(_with_points, rows)
        yield AnyTable(columns=tuple(found.names), rows=rows)


def _has_decimal_commas(found: Header, sample: Sequence[bytes]) -> bool:
    _, table, _, _ = delimited.split(found, 1, sample, shows_values=False)
    try:
        return decimals.mark("", found.delimiter, (("", cell) for row in table for cell in row)) == decimals.COMMA
    except PaymentFileError:
        return False  # both marks: at least one is not of numbers


def _with_points(row: Content) -> Content:
    """Return the cells with decimal points, as those of other files."""
    return {name: decimals.with_point(cell) for name, cell in row.items()} if isinstance(row, Mapping) else row


def _rows(found: Header, parts: Iterator[list[bytes]]) -> Iterator[Content]:
    for part in parts:
        _, table, rejected, _ = delimited.split(found, 1, part, shows_values=False)
        yield from (dict(zip(found.names, row, strict=True)) for row in table)
        yield from (None for _ in rejected)
