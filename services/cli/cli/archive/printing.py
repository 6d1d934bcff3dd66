"""Rows of a view as a table for a terminal, as CSV, or as JSON Lines. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

from cli.archive.values import moment_text, reasons
from cli.archive.views import Column, Kind, View
from cli.tables import aligned
from fraudstream.cell_text import csv_text
from fraudstream.runtime.escaping import ascii_json, shortened, visible

_NONE = "-"
_MOST_CHARACTERS = 80
_RIGHT: frozenset[Kind] = frozenset({"count", "amount", "sum", "share", "probability"})
_BETWEEN_REASONS = "; "


def _sum(number: Any) -> float | None:
    """Return a sum with the digits that are equal for any order of adding, or None if it is too large for JSON."""
    return value if isfinite(value := float(f"{number:.15g}")) else None


_VALUES: Mapping[Kind, Callable[[Any], Any]] = {
    "text": str,
    "count": int,
    "amount": float,
    "sum": _sum,
    "share": float,
    "probability": float,
    "hour": lambda moment: moment_text(moment, "seconds"),
    "time": moment_text,
    "reasons": reasons,
}
"""The value of a column, equal for both databases."""
_CELLS: Mapping[Kind, Callable[[Any], str]] = {
    "count": "{:,}".format,
    "amount": "{:,.2f}".format,
    "sum": "{:,.2f}".format,
    "share": "{:.4f}".format,
    "probability": "{:.6f}".format,  # all published digits: 0.999999 is not 1
    "hour": lambda text: f"{text[:10]} {text[11:16]}",
    "reasons": _BETWEEN_REASONS.join,
}
"""The cell of a table; others are as they are."""

Row = Sequence[Any]


def table(view: View, rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of a table; long texts are cut."""
    if not rows:
        yield view.empty
        return
    cells = [[_cell(column, value) for column, value in zip(view.columns, row, strict=True)] for row in rows]
    right = {number for number, column in enumerate(view.columns) if column.kind in _RIGHT}
    yield from aligned([[column.heading for column in view.columns], *cells], right=right)


def csv(view: View, rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of a CSV, with the header."""
    yield ",".join(column.name for column in view.columns)
    for row in rows:
        yield ",".join(_csv_cell(value) for value in _values(view, row).values())


def json(view: View, rows: Sequence[Row]) -> Iterator[str]:
    """Yield a JSON object for each row."""
    return (ascii_json(_values(view, row)) for row in rows)


PRINTERS: Mapping[str, Callable[[View, Sequence[Row]], Iterator[str]]] = {"table": table, "csv": csv, "json": json}
"""By the value of `--format`."""


def _values(view: View, row: Row) -> Mapping[str, Any]:
    return {column.name: _value(column, value) for column, value in zip(view.columns, row, strict=True)}


def _value(column: Column, value: Any) -> Any:
    return None if value is None else _VALUES[column.kind](value)


def _cell(column: Column, value: Any) -> str:
    shown = _value(column, value)
    return _NONE if shown is None else shortened(visible(_CELLS.get(column.kind, str)(shown)), _MOST_CHARACTERS)


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        value = _BETWEEN_REASONS.join(value)
    return csv_text(value) if isinstance(value, str) else repr(value)
