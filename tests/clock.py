"""A clock that a test sets."""

from dataclasses import dataclass


@dataclass(slots=True)
class Clock:
    """Clock set by the test."""

    now_s: float = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s

    def go(self, seconds: float) -> None:
        """Advance the time."""
        self.now_s += seconds
