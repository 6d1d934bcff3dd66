"""Letters named by the places of their messages: as arguments, and in all output of the commands. Pure."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Self

from cli.texts import ranges, ranges_text
from fraudstream.dead_letter import Place, place_text

_PLACES = re.compile(r"([\w.-]{1,249})/(\d{1,9})/(\d{1,18}(?:-\d{1,18})?(?:,\d{1,18}(?:-\d{1,18})?)*)", re.ASCII)
_EXAMPLE = "such as test-payments/3/1234 or test-payments/3/17-20,25"
_MOST_LINES, _MOST_RANGES = 12, 12


class LetterPlace(NamedTuple):
    """Partition and offset of a letter in the dead-letter topic."""

    partition: int
    offset: int


class Places(NamedTuple):
    """Offsets in a partition of the input topic, which name letters by their messages, or of the dead-letter topic."""

    topic: str
    partition: int
    offsets: Sequence[range]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse TOPIC/PARTITION/OFFSETS. Raises ValueError."""
        match = _PLACES.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a place: expected TOPIC/PARTITION/OFFSET, {_EXAMPLE}")
        bounds = [part.partition("-") for part in match[3].split(",")]
        offsets = [range(int(first), int(last or first) + 1) for first, _, last in bounds]
        if not all(offsets):
            raise ValueError(f"{text!r} has a range that ends before it begins")
        return cls(match[1], int(match[2]), offsets)

    def __str__(self) -> str:
        return place_text(self.topic, self.partition, ranges_text(self.offsets))

    def contains(self, topic: str, partition: int, offset: int) -> bool:
        """Return whether this place of a topic is among them."""
        is_there = self.partition == partition and self.topic == topic
        return is_there and any(offset in some for some in self.offsets)

    def absent(self, places: Iterable[tuple[str, int, int]]) -> str | None:
        """Return the text of the first offsets without any of `places`, or None."""
        there = sorted(offset for topic, partition, offset in places if (topic, partition) == self[:2])
        for some in self.offsets:
            at = bisect_left(there, some.start)
            if at == len(there) or there[at] >= some.stop:
                return str(self._replace(offsets=[some]))
        return None


def grouped(sources: Iterable[Place]) -> list[Places]:
    """Return the places of messages, by topic and partition, with their offsets in ranges."""
    offsets: dict[tuple[str, int], list[int]] = {}
    for source in sources:
        offsets.setdefault((source.topic, source.partition), []).append(source.offset)
    return [Places(*key, ranges(some)) for key, some in sorted(offsets.items())]


def places_text(sources: Sequence[Place], indent: str) -> Iterator[str]:
    """Yield one line for each partition of the messages; of many, the first partitions and their first ranges."""
    left = len({source[:3] for source in sources})
    for places in grouped(sources)[:_MOST_LINES]:
        some = places.offsets[:_MOST_RANGES]
        left -= sum(map(len, some))
        yield f"{indent}{places._replace(offsets=some)}"
    if left:
        yield f"{indent}… and {left:,} more"
