"""The last 15 minutes, second by second, and the totals over them. Pure: the clock is the caller's."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraudstream.payment import DECISIONS, REASONS

SECONDS = 900
_SLOTS = SECONDS + 1  # the second that is not over yet has its own
BINS = 20
"""Equal bins of the probability, 0 … 1."""
_OTHER = "other"
_MOST_VERSIONS = 16

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


class Scores(NamedTuple):
    """Payments scored, column by column, all of one length."""

    second: Integers
    """When, in seconds since 1970."""
    decision: Integers
    """Place in DECISIONS."""
    probability: Floats


@dataclass(slots=True, eq=False)
class _Version:
    """What one model said, by second."""

    payments: Integers = field(default_factory=lambda: np.zeros(_SLOTS, dtype=np.int64))
    probability: Floats = field(default_factory=lambda: np.zeros(_SLOTS))


class Window:
    """Counts that a page draws; its memory is fixed. Seconds are slots of a ring, emptied when time comes round."""

    def __init__(self, now: int) -> None:
        """`now` is the present second, since 1970."""
        self.now = now
        self._decisions = np.zeros((_SLOTS, len(DECISIONS)))
        self._scores = np.zeros((_SLOTS, BINS), dtype=np.int64)
        self._dead = np.zeros((_SLOTS, len(REASONS) + 1), dtype=np.int64)
        self._measured = {name: np.full(_SLOTS, np.nan) for name in ("p50", "p99", "lag")}
        self._versions: dict[str, _Version] = {}
        self._unplaced = 0
        self._changed = now

    def advance(self, now: int) -> None:
        """Time has come to `now`: what is older than 15 minutes goes."""
        if now <= self.now:
            return
        slots = np.arange(max(self.now + 1, now - SECONDS), now + 1) % _SLOTS
        self._decisions[slots] = 0
        self._scores[slots] = 0
        self._dead[slots] = 0
        for series in self._measured.values():
            series[slots] = series[self.now % _SLOTS]  # until it is measured again, a second or two later
        for name, version in list(self._versions.items()):
            version.payments[slots] = 0
            version.probability[slots] = 0
            if not version.payments.any():
                del self._versions[name]
        self.now = now

    def add(self, scores: Scores) -> None:
        """Count payments; those of no second of the window are left out, those of the future count as of now."""
        second = np.minimum(scores.second, self.now)
        inside = second >= self.now - SECONDS
        slots = second[inside] % _SLOTS
        np.add.at(self._decisions, (slots, scores.decision[inside]), 1)
        bins = np.clip((scores.probability[inside] * BINS).astype(np.int64), 0, BINS - 1)
        np.add.at(self._scores, (slots, bins), 1)
        self._changed = min(self._changed, int(second[inside].min(initial=self.now)))
        if self._unplaced:
            self.pass_over(0, self.now)

    def add_version(self, version: str, seconds: Integers, probabilities: Floats) -> None:
        """Count what a model said of payments; of more than 16 models, the first 16."""
        if version not in self._versions and len(self._versions) >= _MOST_VERSIONS:
            return
        said = self._versions.setdefault(version, _Version())
        second = np.minimum(seconds, self.now)
        inside = second >= self.now - SECONDS
        np.add.at(said.payments, second[inside] % _SLOTS, 1)
        np.add.at(said.probability, second[inside] % _SLOTS, probabilities[inside])

    def add_dead(self, second: int, reason: str) -> None:
        """Count a dead letter; reasons that are none of ours are one."""
        if self.now - SECONDS <= second <= self.now:
            self._changed = min(self._changed, second)
            self._dead[second % _SLOTS, REASONS.index(reason) if reason in REASONS else -1] += 1

    def measure(self, first: int, **values: float | None) -> None:
        """Set `p50`, `p99`, `lag` from the second `first` until now; None is unknown."""
        seconds = np.arange(max(first, self.now - SECONDS), self.now + 1)
        self._changed = min(self._changed, first)
        for name, value in values.items():
            self._measured[name][seconds % _SLOTS] = np.nan if value is None else value

    def pass_over(self, count: int, first: int) -> None:
        """`count` payments since the second `first` were not looked at: they are taken to be as the others.

        Where there are no others since then, they are as the latest before, or as the next ones.
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
        """How many seconds before now, from the earliest that has changed since this was last asked."""
        seconds = min(self.now - self._changed, SECONDS)
        self._changed = self.now
        return seconds

    def series(self, seconds: int) -> dict[str, list[int] | list[float | None]]:
        """The last `seconds` whole seconds before now, one entry each."""
        slots = self._slots(seconds)
        decisions = np.rint(self._decisions[slots]).astype(np.int64)
        counts = {name: decisions[:, number].tolist() for number, name in enumerate(DECISIONS)}
        measured = {name: _rounded(values[slots]) for name, values in self._measured.items()}
        return {**counts, "dead": self._dead[slots].sum(axis=1).tolist(), **measured}

    def first(self, seconds: int) -> int:
        """The second that `series` begins with."""
        return self.now - seconds

    def scores(self) -> list[int]:
        """Payments by probability, over the window."""
        counts: list[int] = self._scores.sum(axis=0).tolist()
        return counts

    def dead_reasons(self) -> dict[str, int]:
        """Dead letters by reason, over the window; those that occurred."""
        counts = self._dead.sum(axis=0).tolist()
        return {reason: count for reason, count in zip((*REASONS, _OTHER), counts, strict=True) if count}

    def versions(self) -> dict[str, tuple[int, float | None]]:
        """For each model that said anything in the window: of how many payments, and their mean probability."""
        totals = {
            name: (int(said.payments.sum()), float(said.probability.sum())) for name, said in self._versions.items()
        }
        return {name: (count, total / count if count else None) for name, (count, total) in totals.items()}

    def _slots(self, seconds: int) -> Integers:
        return np.arange(self.now - seconds, self.now) % _SLOTS


def _rounded(values: Floats) -> list[float | None]:
    return [None if value != value else round(value, 2) for value in values.tolist()]  # noqa: PLR0124 - NaN


def decision_numbers(decisions: Sequence[str]) -> Integers:
    """Each one's place in DECISIONS."""
    return np.array([_NUMBERS[decision] for decision in decisions], dtype=np.int64)


_NUMBERS = {decision: number for number, decision in enumerate(DECISIONS)}
