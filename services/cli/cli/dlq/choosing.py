"""Selection of dead letters by place, reason, time, partition, and whether they were replayed. Pure."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

Status = Literal["open", "replayed", "all"]

_PLACE = re.compile(r"(\d{1,9})/(\d{1,18})", re.ASCII)


class LetterPlace(NamedTuple):
    """Partition and offset of a letter in the dead-letter topic."""

    partition: int
    offset: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse PARTITION/OFFSET. Raises ValueError."""
        if match := _PLACE.fullmatch(text):
            return cls(int(match[1]), int(match[2]))
        raise ValueError(f"{text!r} is not a place: expected PARTITION/OFFSET, such as 3/1234")

    def __str__(self) -> str:
        return f"{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Criteria that must all hold; an empty one or None matches every letter. Times: since ≤ timestamp < until."""

    status: Status = "all"
    reasons: Collection[str] = frozenset()
    partitions: Collection[int] = frozenset()
    places: Collection[LetterPlace] = frozenset()
    since_ms: int | None = None
    until_ms: int | None = None

    def matches(self, place: LetterPlace, reason: str, timestamp_ms: int) -> bool:
        """Return whether a letter meets all criteria but the status."""
        return (
            (not self.reasons or reason in self.reasons)
            and (not self.partitions or place.partition in self.partitions)
            and (not self.places or place in self.places)
            and (self.since_ms is None or timestamp_ms >= self.since_ms)
            and (self.until_ms is None or timestamp_ms < self.until_ms)
        )

    def wants(self, *, replayed: bool) -> bool:
        """Return whether the status criterion holds for a letter that was `replayed`, or was not."""
        return self.status == "all" or replayed == (self.status == "replayed")
