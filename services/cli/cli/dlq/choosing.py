"""Selection of dead letters by place, reason, time, partition, and whether they were replayed. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from cli.dlq.places import LetterPlace, Places
from fraudstream.dead_letter import Place
from fraudstream.timestamps import rfc3339

Status = Literal["open", "replayed", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Criteria that must all hold; an empty one or None matches every letter. Times: since ≤ timestamp < until.

    `places` are places of messages, or of letters in `topic`, the dead-letter topic.
    """

    topic: str
    status: Status = "all"
    reasons: Collection[str] = frozenset()
    partitions: Collection[int] = frozenset()
    places: Sequence[Places] = ()
    since_ms: int | None = None
    until_ms: int | None = None

    def matches(self, place: LetterPlace, source: Place, reason: str, timestamp_ms: int) -> bool:
        """Return whether a letter meets all criteria but the status."""
        return (
            (not self.reasons or reason in self.reasons)
            and (not self.partitions or place.partition in self.partitions)
            and (not self.places or self._is_named(place, source))
            and (self.since_ms is None or timestamp_ms >= self.since_ms)
            and (self.until_ms is None or timestamp_ms < self.until_ms)
        )

    def wants(self, *, replayed: bool) -> bool:
        """Return whether the status criterion holds for a letter that was `replayed`, or was not."""
        return self.status == "all" or replayed == (self.status == "replayed")

    def absent(self, letters: Iterable[tuple[LetterPlace, Place]]) -> str | None:
        """Return the first of the places at which there is none of the letters, or None."""
        if not self.places:
            return None
        known = [one for place, source in letters for one in ((self.topic, *place), source[:3])]
        return next((absent for some in self.places if (absent := some.absent(known))), None)

    @property
    def options(self) -> str:
        """The options and arguments of `dlq export` that make this choice; a space before each."""
        options = [f"--reason {reason}" for reason in sorted(self.reasons)]
        options += [f"--partition {partition}" for partition in sorted(self.partitions)]
        options += [] if self.since_ms is None else [f"--since {rfc3339(self.since_ms)}"]
        options += [] if self.until_ms is None else [f"--until {rfc3339(self.until_ms)}"]
        options += [] if self.status == "open" else [f"--{self.status}"]
        return "".join(f" {option}" for option in (*options, *self.places))

    def replay_options(self, *, again: bool = False) -> str:
        """Return the options and arguments of `dlq replay` for the letters that `options` export."""
        return f"{self.options} --again" if again or self.status == "replayed" else self.options

    def _is_named(self, place: LetterPlace, source: Place) -> bool:
        return any(some.contains(*source[:3]) or some.contains(self.topic, *place) for some in self.places)
