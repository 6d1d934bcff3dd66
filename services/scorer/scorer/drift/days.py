"""Hours of payments, compared over whole days of event time: within a day they only follow the clock."""

from dataclasses import dataclass

import numpy as np

from fraudstream.arrays import Integers
from fraudstream.model import psi
from fraudstream.model.drift_reference import HOURS, Finding, Reference

_MS_AN_HOUR = 3_600_000
_MS_A_DAY = HOURS * _MS_AN_HOUR


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Day:
    """The payments of one UTC day."""

    start_ms: int
    """Milliseconds since 1970."""
    table: Integers
    """Counts, (24, 24), by hour of the timestamp and by that of the payment."""

    @property
    def whole(self) -> bool:
        """Whether each hour of the day has payments."""
        return bool(self.table.any(axis=1).all())

    @property
    def follows_clock(self) -> bool:
        """Whether most payments have the hour of their timestamp, or one at a constant difference from it.

        Then the distribution is that of the traffic, which at a constant pace no history has.
        """
        clock, hour = np.indices(self.table.shape)
        off = np.bincount(((hour - clock) % HOURS).ravel(), weights=self.table.ravel())
        return bool(2 * off.max() > self.table.sum())

    def compare(self, reference: Reference) -> Finding:
        """Compare with the history's payments by hour; hours that follow the clock have a PSI of 0."""
        counts, bins = self.table.sum(axis=0).astype(np.float64), np.full(HOURS, float(HOURS))
        expected = psi.smoothed(reference.hours.astype(np.float64), bins)
        size = psi.sizes(psi.smoothed(counts, bins), expected, np.array([0]))[0]
        limit = psi.limits(bins[:1], float(counts.sum()), float(reference.hours.sum()))[0]
        return Finding(field=reference.hour_name, psi=0.0 if self.follows_clock else float(size), limit=float(limit))


class Days:
    """One day after the other, as payments arrive. Payments of any day but the current one are ignored."""

    def __init__(self) -> None:
        self._day: int | None = None
        self._table = np.zeros(HOURS * HOURS, dtype=np.int64)

    def take(self, timestamps_ms: Integers, hours: Integers) -> Day | None:
        """Add a block of at least one payment; return the day that ended with it, if that was a whole one."""
        days, within_ms = np.divmod(timestamps_ms, _MS_A_DAY)
        these = days == self._day
        ended = None
        if not these.any():
            ended = self._end_day()
            # the median: a single clock that is years ahead must not end the day for all
            self._day = int(np.sort(days)[len(days) // 2])
            these = days == self._day
        cells = within_ms[these] // _MS_AN_HOUR * HOURS + hours[these]
        self._table += np.bincount(cells, minlength=HOURS * HOURS)
        return ended

    def _end_day(self) -> Day | None:
        if self._day is None:
            return None
        day = Day(start_ms=self._day * _MS_A_DAY, table=self._table.reshape(HOURS, HOURS))
        self._table = np.zeros_like(self._table)
        return day if day.whole else None
