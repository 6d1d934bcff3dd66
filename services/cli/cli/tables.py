"""Rows of cells → lines with aligned columns, for a terminal. Pure."""

from collections.abc import Collection, Sequence

from fraudstream.runtime.escaping import visible


def aligned(rows: Sequence[Sequence[str]], *, right: Collection[int] = ()) -> list[str]:
    """Return one line per row, columns two spaces apart, the columns in `right` right-aligned. Cells are escaped."""
    # rich cuts cells so that a line in a pipe has 80 columns; with more columns, it pads all lines to the longest one
    rows = [[visible(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = [">" if number in right else "<" for number in range(len(widths))]
    return [
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)).rstrip()
        for row in rows
    ]
