"""A plot as SVG in HTML: its colours follow the page's style sheet, light or dark, and its texts wrap. Pure."""

import html
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fraudstream.arrays import Floats
from trainer.report.axes import Axis

__all__ = ["Plot"]

_WIDTH, _HEIGHT = 360.0, 230.0
"""A plot is about this wide on a telephone, so that its texts have the size of the page's."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 22.0, 10.0, 22.0
_SLANTED = 74.0
"""Bottom margin where names are slanted."""
_MOST_LEVEL = 3
"""Names that fit beside each other without a slant."""
_RADIUS = 3.6


@dataclass(slots=True, kw_only=True)
class Plot:
    """A plot, drawn mark by mark. A `kind` is a class of the style sheet: `model`, `fraud`, …, `dashed`, `dotted`."""

    title: str
    x: Axis
    y: Axis
    x_label: str
    y_label: str
    description: str
    """Text for readers who do not see the plot."""
    has_names: bool = False
    """Whether the ticks of x are names, which are slanted if there are many."""
    _marks: list[str] = field(default_factory=list)
    _legend: dict[str, str] = field(default_factory=dict)

    def line(self, x: Floats, y: Floats, kind: str, name: str = "") -> None:
        """Draw a line through points; `name` puts it into the legend."""
        self._add(f'<path class="line {kind}" d="M{"L".join(self._places(x, y))}"/>', f"line {kind}", name)

    def points(self, x: Floats, y: Floats, kind: str, name: str = "") -> None:
        """Draw points."""
        marks = (_circle(place, kind) for place in self._places(x, y))
        self._add("".join(marks), f"point {kind}", name)

    def bars(self, left: Floats, right: Floats, height: Floats, kind: str, name: str = "") -> None:
        """Draw bars from the low end of y up to `height`."""
        base = np.full(len(height), self.y.low)
        corners = zip(self._places(left, base), self._places(right, height), strict=True)
        marks = (_rectangle(*lower.split(), *upper.split()) for lower, upper in corners)
        self._add(f'<path class="bar {kind}" d="{"".join(marks)}"/>', f"bar {kind}", name)

    def intervals(self, x: Floats, low: Floats, high: Floats, kind: str, name: str = "") -> None:
        """Draw vertical lines from `low` to `high`."""
        ends = zip(self._places(x, low), self._places(x, high), strict=True)
        marks = "".join(f"M{one}L{other}" for one, other in ends)
        self._add(f'<path class="line {kind}" d="{marks}"/>', f"line {kind}", name)

    def vertical(self, x: float, kind: str, name: str) -> None:
        """Draw a vertical line over the whole height."""
        self.intervals(np.array([x]), np.array([self.y.low]), np.array([self.y.high]), kind, name)

    def horizontal(self, y: float, kind: str, name: str) -> None:
        """Draw a horizontal line over the whole width."""
        self.line(np.array([self.x.low, self.x.high]), np.array([y, y]), kind, name)

    def html(self) -> str:
        """Return the figure: title, picture, labels and legend."""
        bottom = _SLANTED if self._is_slanted else _BOTTOM
        listed = "".join(f'<li><i class="{kind}"></i>{html.escape(name)}</li>' for name, kind in self._legend.items())
        legend = f"<ul>{listed}</ul>" if listed else ""
        return (
            f'<figure class="plot"><h3>{html.escape(self.title)}</h3><p class="of-y">{html.escape(self.y_label)}</p>'
            f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT + bottom - _BOTTOM:g}" role="img" '
            f'aria-label="{html.escape(self.description)}">{self._grid()}{"".join(self._marks)}</svg>'
            f'<p class="of-x">{html.escape(self.x_label)}</p>{legend}</figure>'
        )

    @property
    def _is_slanted(self) -> bool:
        return self.has_names and len(self.x.ticks) > _MOST_LEVEL

    def _add(self, mark: str, kind: str, name: str) -> None:
        self._marks.append(mark)
        if name:
            self._legend[name] = kind

    def _places(self, x: Floats, y: Floats) -> Sequence[str]:
        """Return points in the picture's coordinates, as text."""
        across = _LEFT + self.x.share(x) * (_WIDTH - _LEFT - _RIGHT)
        down = _HEIGHT - _BOTTOM - self.y.share(y) * (_HEIGHT - _TOP - _BOTTOM)
        return [f"{one:.1f} {other:.1f}" for one, other in zip(across.tolist(), down.tolist(), strict=True)]

    def _grid(self) -> str:
        """Return the grid, the axes' ticks, and the line at the low end of y."""
        x = np.array([tick for tick, _ in self.x.ticks], dtype=np.float64)
        y = np.array([tick for tick, _ in self.y.ticks], dtype=np.float64)
        below = self._places(x, np.full(len(x), self.y.low))
        beside = self._places(np.full(len(y), self.x.low), y)
        lines = "".join(f"M{place}H{_WIDTH - _RIGHT:g}" for place in beside)
        base = f"M{_LEFT:g} {_HEIGHT - _BOTTOM:g}H{_WIDTH - _RIGHT:g}"
        names = [text for _, text in self.x.ticks], [text for _, text in self.y.ticks]
        under = (_below(place, name, slanted=self._is_slanted) for place, name in zip(below, names[0], strict=True))
        left = (
            f'<text class="end" x="{_LEFT - 6:g}" y="{float(place.split()[1]) + 4:.1f}">{html.escape(name)}</text>'
            for place, name in zip(beside, names[1], strict=True)
        )
        return f'<path class="grid" d="{lines}"/><path class="base" d="{base}"/>{"".join(under)}{"".join(left)}'


def _circle(place: str, kind: str) -> str:
    x, y = place.split()
    return f'<circle class="point {kind}" cx="{x}" cy="{y}" r="{_RADIUS}"/>'


def _rectangle(left: str, bottom: str, right: str, top: str) -> str:
    return f"M{left} {bottom}V{top}H{right}V{bottom}Z"


def _below(place: str, name: str, *, slanted: bool) -> str:
    """Return the text of a tick of the x axis."""
    x, y = place.split()
    if slanted:
        return (
            f'<text class="end" transform="translate({x} {float(y) + 12:.1f}) rotate(-45)">{html.escape(name)}</text>'
        )
    return f'<text class="middle" x="{x}" y="{float(y) + 16:.1f}">{html.escape(name)}</text>'
