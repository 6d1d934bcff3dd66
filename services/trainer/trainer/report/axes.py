"""Axes of the report's plots: their scale, range and ticks. Pure."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from fraudstream.arrays import Floats
from trainer.report.texts import compact

__all__ = ["Axis", "linear", "logarithmic", "named"]

_MOST_TICKS = 5
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_FEWEST_POWERS = 3
_LONGEST_NAME = 13


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
    if high <= low:
        low, high = low - 0.5, low + 0.5
    ticks = [*at] or _round_values(low, high)
    return Axis(low=low, high=high, ticks=[(tick, text(tick)) for tick in ticks if low <= tick <= high])


def logarithmic(low: float, high: float, text: Callable[[float], str] = compact) -> Axis:
    """Return a logarithmic axis with ticks at powers of ten, or also at 2 and 5 times them; `low` is above 0."""
    if high <= low:
        low, high = low / 2, low * 2
    powers = np.arange(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1,) if len(powers) > _FEWEST_POWERS else (1, 2, 5)
    ticks = [float(f"{factor}e{power}") for power in powers for factor in factors]
    within = [tick for tick in ticks if low <= tick <= high]
    within = within[:: -(-len(within) // _MOST_TICKS) or 1]
    return Axis(low=low, high=high, ticks=[(tick, text(tick)) for tick in within], is_log=True)


def named(names: Sequence[str]) -> Axis:
    """Return an axis with a place for each name: 0, 1, …; long names are shortened."""
    short = [name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…" for name in names]
    return Axis(low=-0.6, high=len(names) - 0.4, ticks=[*enumerate(short)])


def _round_values(low: float, high: float) -> list[float]:
    """Return round numbers in a range, with the smallest step that gives at most five."""
    rough = (high - low) / _MOST_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in _STEPS if factor * power >= rough * (1 - 1e-9))
    return [round(step * place, 12) for place in range(math.ceil(low / step), math.floor(high / step + 1e-9) + 1)]
