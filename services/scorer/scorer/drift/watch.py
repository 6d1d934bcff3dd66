"""Committed payments → changes: the start and end of drift in each field."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from fraudstream.arrays import Floats, Integers
from fraudstream.model.drift_reference import Finding, Reference
from scorer.drift.days import Days
from scorer.drift.window import Window

WINDOW = 2_500
"""Number of payments in a comparison."""
LEAST = 500
"""Number of payments from which the first ones are compared, while the window fills: the limit is higher for fewer."""
BLOCK = 250
"""Number of payments between comparisons: fewer would add cost, but little information."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The start or end of drift in a field."""

    begins: bool
    finding: Finding
    since_ms: int
    """Event time, -1 if unknown, of the first payments since which the PSI was never below half the limit."""


class Drift:
    """Drift of one scorer's payments, in constant memory."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._window = Window(WINDOW, LEAST)
        self._days = Days()
        self._alarms: dict[str, _Alarm] = {}
        self._waiting: list[tuple[Floats, Floats, Integers]] = []

    @property
    def findings(self) -> Mapping[str, tuple[Finding, bool]]:
        """The last finding of each field, and whether it drifts."""
        return {name: (alarm.last, alarm.on) for name, alarm in self._alarms.items() if alarm.last}

    @property
    def payments(self) -> int:
        """Number of payments taken, up to those of a comparison."""
        return self._window.count + sum(len(waiting) for _, waiting, _ in self._waiting)

    def take(self, matrix: Floats, scores: Floats, timestamps_ms: Integers) -> list[Change]:
        """Add payments; return the changes. `matrix` is encoded, `timestamps_ms` are Kafka's."""
        if len(scores):
            self._waiting.append((matrix, scores, timestamps_ms))
        if sum(len(waiting) for _, waiting, _ in self._waiting) < BLOCK:
            return []
        matrix, scores, timestamps_ms = map(np.concatenate, zip(*self._waiting, strict=True))
        self._waiting = []
        changes = []
        for block in _blocks(len(scores)):
            changes += self._judge(matrix[block], scores[block], timestamps_ms[block])
        return changes

    def _judge(self, matrix: Floats, scores: Floats, timestamps_ms: Integers) -> list[Change]:
        self._window.push(len(scores), self._reference.histogram(matrix, scores))
        changes = []
        if self._reference.hour is not None:
            day = self._days.take(timestamps_ms, self._reference.hours_of(matrix))
            if day is not None:
                changes.append(self._alarm(day.compare(self._reference), day.start_ms))
        histogram = self._window.histogram
        if histogram is not None:
            first_ms = int(timestamps_ms.min())
            changes += [self._alarm(finding, first_ms) for finding in self._reference.compare(histogram)]
        return [change for change in changes if change is not None]

    def _alarm(self, finding: Finding, event_ms: int) -> Change | None:
        return self._alarms.setdefault(finding.field, _Alarm()).judge(finding, event_ms)


def _blocks(count: int) -> Iterator[slice]:
    """Yield the fewest slices of at most WINDOW payments each, of about equal size."""
    blocks = -(-count // WINDOW)
    for number in range(blocks):
        yield slice(number * count // blocks, (number + 1) * count // blocks)


@dataclass(slots=True)
class _Alarm:
    """One field's alarm: on at the limit, off below half of it, so that it does not flap."""

    on: bool = False
    since_ms: int | None = None
    last: Finding | None = None

    def judge(self, finding: Finding, event_ms: int) -> Change | None:
        """Return the change that a finding on payments from `event_ms` on causes, if any."""
        self.last = finding
        near = 2.0 * finding.psi >= finding.limit
        since_ms = event_ms if self.since_ms is None else self.since_ms
        self.since_ms = since_ms if near else None
        on = near if self.on else finding.psi >= finding.limit
        if on == self.on:
            return None
        self.on = on
        return Change(begins=self.on, finding=finding, since_ms=since_ms)
