"""Counts of the last 15 minutes by second, and their totals. Pure: the caller gives the time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from fraudstream.arrays import Floats, Integers
from fraudstream.payment import DECISIONS, REASONS

SECONDS = 900
_SLOTS = SECONDS + 1  # one more for the current second
BINS = 20
"""Number of equal bins of the probability, 0 … 1."""
_OTHER = "other"
_MOST_VERSIONS = 16


class ScoredBy(NamedTuple):
    """A model version, and the role in which it scored."""

    role: Literal["champion", "challenger"]
    version: str


class Scores(NamedTuple):
    """Scored payments as columns of equal length."""

    second: Integers
    """Time of scoring, in seconds since 1970."""
    decision: Integers
    """Index in DECISIONS."""
    probability: Floats


@dataclass(slots=True, eq=False)
class _Version:
    """Scores of one model, by second."""

    payments: Integers = field(default_factory=lambda: np.zeros(_SLOTS, dtype=np.int64))
    probability: Floats = field(default_factory=lambda: np.zeros(_SLOTS))


class Window:
    """Counts for the charts, in a ring buffer with one slot per second; slots are cleared before reuse."""

    def __init__(self, now: int) -> None:
        """Start empty at `now`, in seconds since 1970."""
        self.now = now
        self._decisions = np.zeros((_SLOTS, len(DECISIONS)))
        self._scores = np.zeros((_SLOTS, BINS), dtype=np.int64)
        self._dead = np.zeros((_SLOTS, len(REASONS) + 1), dtype=np.int64)
        self._measured = {name: np.full(_SLOTS, np.nan) for name in ("p50", "p99", "lag")}
        self._versions: dict[ScoredBy, _Version] = {}
        self._unplaced = 0
        self._changed = now

    def advance(self, now: int) -> None:
        """Move the window's end to `now`, and clear slots older than 15 minutes."""
        if now <= self.now:
            return
        slots = np.arange(max(self.now + 1, now - SECONDS), now + 1) % _SLOTS
        self._decisions[slots] = 0
        self._scores[slots] = 0
        self._dead[slots] = 0
        for series in self._measured.values():
            series[slots] = series[self.now % _SLOTS]  # until it is measured again, a second or two later
        for model, version in list(self._versions.items()):
            version.payments[slots] = 0
            version.probability[slots] = 0
            if not version.payments.any():
                del self._versions[model]
        self.now = now

    def add(self, scores: Scores) -> None:
        """Count payments; those before the window are ignored, those in the future count as of now."""
        second = np.minimum(scores.second, self.now)
        inside = second >= self.now - SECONDS
        slots = second[inside] % _SLOTS
        np.add.at(self._decisions, (slots, scores.decision[inside]), 1)
        bins = np.clip((scores.probability[inside] * BINS).astype(np.int64), 0, BINS - 1)
        np.add.at(self._scores, (slots, bins), 1)
        self._changed = min(self._changed, int(second[inside].min(initial=self.now)))
        if self._unplaced:
            self.skip(0, self.now)

    def add_version(self, model: ScoredBy, seconds: Integers, probabilities: Floats) -> None:
        """Count a model's scores; only the first 16 models are counted."""
        if model not in self._versions and len(self._versions) >= _MOST_VERSIONS:
            return
        scores = self._versions.setdefault(model, _Version())
        second = np.minimum(seconds, self.now)
        inside = second >= self.now - SECONDS
        np.add.at(scores.payments, second[inside] % _SLOTS, 1)
        np.add.at(scores.probability, second[inside] % _SLOTS, probabilities[inside])

    def add_dead(self, second: int, reason: str) -> None:
        """Count a dead letter; unknown reasons are counted together."""
        if self.now - SECONDS <= second <= self.now:
            self._changed = min(self._changed, second)
            self._dead[second % _SLOTS, REASONS.index(reason) if reason in REASONS else -1] += 1

    def measure(self, first: int, **values: float | None) -> None:
        """Set `p50`, `p99`, `lag` from second `first` to now; None is unknown."""
        seconds = np.arange(max(first, self.now - SECONDS), self.now + 1)
        self._changed = min(self._changed, first)
        for name, value in values.items():
            self._measured[name][seconds % _SLOTS] = np.nan if value is None else value

    def skip(self, count: int, first: int) -> None:
        """Add `count` payments skipped since second `first`, distributed like the payments read since then.

        If none were read since then, they are distributed like the latest before, or like the next ones.
        """
        self._unplaced += count
        slots = np.arange(self.now - SECONDS, self.now + 1) % _SLOTS
        seen = self._decisions[slots].sum(axis=1)
        if not seen.any():
            return
        begin = min(max(first - self.now + SECONDS, 0), int(np.flatnonzero(seen)[-1]))
        total = seen[begin:].sum()
        self._decisions[slots[begin:]] *= (total + self._unplaced) / total
        self._unplaced = 0
        self._changed = min(self._changed, self.now - SECONDS + begin)

    def take_changed(self) -> int:
        """Return the age in seconds of the earliest second changed since the last call."""
        seconds = min(self.now - self._changed, SECONDS)
        self._changed = self.now
        return seconds

    def series(self, seconds: int) -> dict[str, list[int] | list[float | None]]:
        """Return the series of the last `seconds` whole seconds before now, one entry per second."""
        slots = np.arange(self.now - seconds, self.now) % _SLOTS
        decisions = np.rint(self._decisions[slots]).astype(np.int64)
        counts = {name: decisions[:, number].tolist() for number, name in enumerate(DECISIONS)}
        measured = {name: _rounded(values[slots]) for name, values in self._measured.items()}
        return {**counts, "dead": self._dead[slots].sum(axis=1).tolist(), **measured}

    def first(self, seconds: int) -> int:
        """Return the first second of `series`."""
        return self.now - seconds

    def scores(self) -> list[int]:
        """Return the number of payments in the seconds of `series` by bin of probability."""
        counts: list[int] = self._scores[self._whole].sum(axis=0).tolist()
        return counts

    def dead_reasons(self) -> dict[str, int]:
        """Return the number of dead letters in the seconds of `series` by reason, without zeros."""
        counts = self._dead[self._whole].sum(axis=0).tolist()
        return {reason: count for reason, count in zip((*REASONS, _OTHER), counts, strict=True) if count}

    def versions(self) -> dict[ScoredBy, tuple[int, float]]:
        """Return the number of payments and the mean probability of each model in the seconds of `series`."""
        slots = self._whole
        totals = {
            model: (int(scores.payments[slots].sum()), float(scores.probability[slots].sum()))
            for model, scores in self._versions.items()
        }
        return {model: (count, total / count) for model, (count, total) in totals.items() if count}

    @property
    def _whole(self) -> Integers:
        """Slots of the whole seconds: totals that included the current one would differ from those of `series`."""
        return np.arange(self.now - SECONDS, self.now) % _SLOTS


def _rounded(values: Floats) -> list[float | None]:
    return [None if value != value else round(value, 2) for value in values.tolist()]  # noqa: PLR0124 - NaN


def decision_numbers(decisions: Sequence[str]) -> Integers:
    """Return the index of each decision in DECISIONS."""
    return np.array([DECISIONS.index(decision) for decision in decisions], dtype=np.int64)
