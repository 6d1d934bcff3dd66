"""Axes of the report's plots: their scale, range and ticks. Pure."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fraudstream.arrays import Floats
from trainer.report.texts import compact

__all__ = ["Axis", "linear", "logarithmic", "named", "round_values"]

_MOST_TICKS = 5
_FEWEST_TICKS = 2
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_FEWEST_POWERS = 3
_LONGEST_NAME = 13
_LEAST_WIDTH = 1e-12
"""Width below which a range has none, as a share of its ends: its ticks would be equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis of a plot."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    """Places and their texts."""
    is_log: bool = False

    def share(self, values: Floats) -> Floats:
        """Return the places of values on the axis: 0 at its low end, 1 at its high end; values outside are clipped."""
        low, high, given = self.low, self.high, np.clip(values, self.low, self.high)
        if self.is_log:
            low, high, given = math.log(low), math.log(high), np.log(given)
        return (given - low) / (high - low)


def linear(low: float, high: float, text: Callable[[float], str] = compact, at: Iterable[float] = ()) -> Axis:
    """Return an axis with about five round ticks, or those in `at`; a range without a width gets one."""
    if not _has_width(low, high):
        half = max(0.5, abs(low) * 1e-3)
        low, high = low - half, low + half
    ticks = [*at] or round_values(low, high)
    return Axis(low=low, high=high, ticks=[(tick, text(tick)) for tick in ticks if low <= tick <= high])


def logarithmic(low: float, high: float, text: Callable[[float], str] = compact) -> Axis:
    """Return a logarithmic axis with ticks at powers of ten, or also at 2 and 5 times them; `low` is above 0.

    A range that has fewer than two of these has round numbers instead.
    """
    if not _has_width(low, high):
        low, high = low / 2, low * 2
    powers = np.arange(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1,) if len(powers) > _FEWEST_POWERS else (1, 2, 5)
    ticks = [float(f"{factor}e{power}") for power in powers for factor in factors]
    within = [tick for tick in ticks if low <= tick <= high]
    if len(within) < _FEWEST_TICKS:
        return replace(linear(low, high, text), is_log=True)
    within = within[:: -(-len(within) // _MOST_TICKS)]
    return Axis(low=low, high=high, ticks=[(tick, text(tick)) for tick in within], is_log=True)


def named(names: Sequence[str]) -> Axis:
    """Return an axis with a place for each name: 0, 1, …; long names are shortened."""
    short = [name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…" for name in names]
    return Axis(low=-0.6, high=len(names) - 0.4, ticks=[*enumerate(short)])


def _has_width(low: float, high: float) -> bool:
    return high - low > _LEAST_WIDTH * max(abs(low), abs(high))


def round_values(low: float, high: float) -> list[float]:
    """Return round numbers in a range, with the smallest step that gives at most five."""
    rough = (high - low) / _MOST_TICKS
    digits = math.floor(math.log10(rough))
    power = 10.0**digits
    step = next(factor * power for factor in _STEPS if factor * power >= rough * (1 - 1e-9))
    places = range(math.ceil(low / step), math.floor(high / step + 1e-9) + 1)
    # a step has one digit more than its power of ten, as in 2.5
    return [round(step * place, 1 - digits) for place in places]
