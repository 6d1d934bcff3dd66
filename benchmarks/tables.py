"""Figures and tables in Markdown. Pure."""

from collections.abc import Iterable, Sequence


def number(value: float) -> str:
    """Format a number with at least three significant digits and thousands separators."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format heads and rows; cells are text."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
