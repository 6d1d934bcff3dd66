"""Rows of a table file whatever its columns: cells by the names of a header, or the objects of JSON Lines."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from fraudstream.errors import PaymentFileError
from fraudstream.payment_files import delimited, header, opening
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
        header.check_names(place, found.names)
        yield AnyTable(columns=tuple(found.names), rows=_rows(found, chain([rest], parts)))


def _rows(found: Header, parts: Iterator[list[bytes]]) -> Iterator[Content]:
    for part in parts:
        _, table, rejected, _ = delimited.split(found, 1, part, shows_values=False)
        yield from (dict(zip(found.names, row, strict=True)) for row in table)
        yield from (None for _ in rejected)
