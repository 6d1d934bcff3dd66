"""The style of all pictures: one colour per concept, a light background, few lines."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

INK, FAINT, GRID = "#22303c", "#74828f", "#e4e8ec"
MODEL, TRUTH = "#1f5fa8", "#8a6fb0"
LEGITIMATE, FRAUD = "#5b9bd5", "#c8452d"
REVIEW, BLOCK = "#d68a00", "#8f1d1d"

_SETTINGS: Any = {
    "axes.edgecolor": FAINT,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlepad": 10,
    "axes.axisbelow": True,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    "savefig.dpi": 150,
    "text.color": INK,
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
}


def percent(share: float, _position: object = None) -> str:
    """Format a share as a percentage; usable as an axis formatter."""
    return f"{100 * share:.4g} %"


@contextmanager
def applied() -> Iterator[None]:
    """Apply the style within the block, independently of the user's matplotlib settings."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        yield


def panels(rows: int, columns: int, *, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure of `width` by `height` inches and its panels row by row; needs no display or global state."""
    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12))
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def mark(axes: Axes, threshold: float, name: str, colour: str) -> None:
    """Draw a threshold on the x axis, with its name and value."""
    axes.axvline(threshold, color=colour, linewidth=1.4, linestyle=(0, (4, 2)))
    axes.annotate(
        f"{name} {percent(round(threshold, 4))}",
        (threshold, 0.7),
        xycoords=("data", "axes fraction"),
        xytext=(4, -4),
        textcoords="offset points",
        color=colour,
        fontsize=9,
        va="top",
    )
