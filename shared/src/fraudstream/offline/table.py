"""The rows of a CSV, whose cells have no types: those of `cells` count."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TextIO

from fraudstream.cells import number
from fraudstream.events import InvalidPayment, Payment, Payments, check_all
from fraudstream.features import FEATURES
from fraudstream.offline.batch import LARGEST, LONGEST_LINE, Batch, UnreadableFileError

_ID = "payment_id"
_DECIMALS = ("amount", "country_risk_score")
_QUOTED = 40


def batches(path: Path, rows: int) -> Iterator[Batch]:
    """Up to so many rows at a time, without blank ones. Raises UnreadableFileError, OSError."""
    # what is no UTF-8 becomes surrogates, which no number contains: so the row is refused, not the file
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        table = _Table(path, file)
        while batch := table.take(rows):
            yield batch


class _Table:
    """The rows of a CSV whose header is read."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self._path = path
        self._characters = 0
        self._reader = csv.reader(self._lines(file))
        header = self._header()
        self._columns = len(header)
        self._places = {name: header.index(name) for name in Payments._fields if name in header}

    def take(self, rows: int) -> Batch | None:
        """The next rows; None at the end."""
        lines: list[int] = []
        found: list[list[str] | InvalidPayment] = []
        end = self._characters + LARGEST
        while len(lines) < rows and self._characters < end:
            line = self._reader.line_num + 1
            row = self._row()
            if row is None:
                break
            if row:
                lines.append(line)
                found.append(row)
        if not lines:
            return None
        full = [(line, row) for line, row in zip(lines, found, strict=True) if not isinstance(row, InvalidPayment)]
        payments = iter(self._payments(full))
        return Batch(lines=lines, events=[row if isinstance(row, InvalidPayment) else next(payments) for row in found])

    def _header(self) -> list[str]:
        try:
            header = [name.strip() for name in next(self._reader, [])]
        except csv.Error as error:
            raise UnreadableFileError(f"{self._path}, line 1: {error}") from None
        _check_header(self._path, header)
        return header

    def _row(self) -> list[str] | InvalidPayment | None:
        """The next row's cells, none of them if it is blank; None at the end."""
        try:
            cells = next(self._reader)
        except StopIteration:
            return None
        except csv.Error as error:
            return InvalidPayment(reason="invalid_csv", detail=str(error))
        if not any(cells):
            return []
        if len(cells) != self._columns:
            return InvalidPayment(reason="invalid_csv", detail=f"{len(cells)} values, but {self._columns} columns")
        return cells

    def _payments(self, rows: Sequence[tuple[int, Sequence[str]]]) -> list[Payment | InvalidPayment]:
        values: dict[str, list[int | float | str]] = {_ID: [line for line, _ in rows]}
        for name, place in self._places.items():
            values[name] = list(map(_READERS[name], (cells[place] for _, cells in rows)))
        fields = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
        return check_all([_without_empty(one) if "" in one.values() else one for one in fields])

    def _lines(self, file: TextIO) -> Iterator[str]:
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            self._characters += len(line)
            if len(line) == LONGEST_LINE:
                raise UnreadableFileError(f"{self._path}, line {number}: longer than {LONGEST_LINE} characters")
            yield line


def _without_empty(fields: dict[str, int | float | str]) -> dict[str, int | float | str]:
    return {name: value for name, value in fields.items() if value != ""}


def _check_header(path: Path, header: Sequence[str]) -> None:
    missing = [name for name in FEATURES if name not in header]
    if missing:
        found = ", ".join(_quoted(name) for name in header[:20]) or "nothing"
        raise UnreadableFileError(f"{path}, line 1: no column {', '.join(missing)} (found, between commas: {found})")
    twice = [name for name in Payments._fields if header.count(name) > 1]
    if twice:
        raise UnreadableFileError(f"{path}, line 1: two columns {twice[0]}")


def _quoted(text: str) -> str:
    # printable ASCII, whatever the file holds
    return ascii(text if len(text) <= _QUOTED else text[:_QUOTED] + "…")


def _value(text: str, *, whole: bool) -> int | float | str:
    """The cell's number; its text, without spaces around, where that is none: the check then says so."""
    found = number(text, whole=whole)
    return text.strip() if found is None else found


# the same few numbers, and their texts, again and again
_whole = lru_cache(maxsize=4_096)(partial(_value, whole=True))
_READERS: Mapping[str, Callable[[str], int | float | str]] = {
    name: partial(_value, whole=False) if name in _DECIMALS else _whole for name in FEATURES
} | {_ID: partial(_value, whole=True)}
