"""Numbers as text in the report, and HTML tables. Pure."""

import html
from collections.abc import Sequence

import numpy as np

from fraudstream.arrays import Floats, Integers

__all__ = ["DEVIATIONS", "Table", "compact", "interval", "number", "of_hundred", "percent", "table"]

Table = tuple[Sequence[str], Sequence[Sequence[str]]]
"""Column names and rows; the first cell of a row is its name."""

DEVIATIONS = 1.96
"""Half the width of a 95 % interval, in standard deviations."""
_HUNDRED = 100
_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
_MANY = 10_000
"""Numbers from which decimals say nothing."""
_UNITS = ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k"))
"""Least number with a unit, and the unit's size and name: a year such as 2024 has none."""


def percent(share: float) -> str:
    """Format a share as a percentage, without a line break in it."""
    return f"{100 * share:.4g}{_NO_BREAK_SPACE}%"


def rounded_percent(share: float) -> str:
    """Format a measured share as a percentage with at most two decimals."""
    return percent(round(float(share), 4))


def compact(value: float) -> str:
    """Format the number of an axis with all its digits: 102,500 is 102.5k."""
    for least, size, unit in _UNITS:
        if abs(value) >= least:
            return f"{value / size:.15g}{unit}"
    return f"{value:.15g}"


def number(value: float) -> str:
    """Format a number in a table; a missing one is empty."""
    if np.isnan(value):
        return ""
    return f"{value:z,.0f}" if value == round(value) or abs(value) >= _MANY else f"{value:.4g}"


def of_hundred(hits: int, total: int) -> str:
    """Format a share as a count: of the total up to 100, else of 100, where only all are 100 and only none is 0."""
    if total <= _HUNDRED:
        return f"{hits:,} of {total:,}"
    rounded = round(_HUNDRED * hits / total)
    if 0 < hits < total and rounded in {0, _HUNDRED}:
        return "over 99 of 100" if rounded else "under 1 of 100"
    return f"{rounded} of 100"


def interval(rate: Floats, counts: Integers) -> tuple[Floats, Floats]:
    """Return the Wilson score interval (95 %) of each rate."""
    square = DEVIATIONS**2 / counts
    middle = (rate + square / 2) / (1 + square)
    half = np.sqrt(square * rate * (1 - rate) + square**2 / 4) / (1 + square)
    # rounding errors would put 0 and 1 outside of their own intervals
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def table(content: Table, caption: str) -> str:
    """Return an HTML table that scrolls sideways where the screen is narrow; cells are escaped."""
    head, rows = content
    top = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in head)
    body = "".join(_row(row) for row in rows)
    name = html.escape(caption)
    return (
        f'<div class="wide" role="region" aria-label="{name}" tabindex="0"><table><caption>{name}</caption>'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(cells: Sequence[str]) -> str:
    name, *others = (html.escape(cell) for cell in cells)
    return f'<tr><th scope="row">{name}</th>{"".join(f"<td>{cell}</td>" for cell in others)}</tr>'
