"""Events that open pages received, and their delays. Pure."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One event as received by one viewer; times are in seconds since 1970."""

    viewer: int
    at_s: float
    size: int
    """Size in bytes."""
    sampled: bool
    """Whether the event reports skipped payments."""
    payments: int
    dead_letters: int
    """Counts of the last 15 minutes."""
    first: int
    by_second: Sequence[int]
    """Payments of each second from `first` on."""
    flagged_s: Sequence[float]
    """Times at which its flagged payments were scored."""

    @classmethod
    def of(cls, viewer: int, at_s: float, event: bytes) -> Self:
        """Parse an event as it was received."""
        content: dict[str, Any] = json.loads(event.partition(b"\ndata: ")[2])
        series = content["series"]
        return cls(
            viewer=viewer,
            at_s=at_s,
            size=len(event),
            sampled=content["sampling"] is not None,
            payments=sum(content["scores"]),
            dead_letters=sum(content["dead_reasons"].values()),
            first=series["first"],
            by_second=[
                sum(counts) for counts in zip(series["approve"], series["review"], series["block"], strict=True)
            ],
            flagged_s=[datetime.fromisoformat(payment["scored_at"]).timestamp() for payment in content["flagged"]],
        )

    def as_line(self) -> str:
        """Return the event as a line of a file."""
        return json.dumps(asdict(self))

    @classmethod
    def of_line(cls, line: str) -> Self:
        """Parse a line of a file."""
        return cls(**json.loads(line))


def flagged_delays_s(seen: Iterable[Seen], since_s: float, until_s: float) -> list[float]:
    """Return the delays from each flagged payment's score to its arrival, ascending, of all viewers in this time."""
    return sorted(
        event.at_s - scored_s for event in seen for scored_s in event.flagged_s if since_s <= scored_s < until_s
    )


def counts_delay_s(seen: Iterable[Seen], written: Mapping[int, int], since_s: float, until_s: float) -> float | None:
    """Return the longest time from a second's end until a viewer's counts had all payments written in it.

    Only whole seconds of this time count; None if the counts never had all payments.
    """
    wanted = {second: count for second, count in written.items() if since_s <= second and second + 1 <= until_s}
    longest_s = 0.0
    for _, events in groupby(sorted(seen, key=attrgetter("viewer", "at_s")), attrgetter("viewer")):
        missing = dict(wanted)
        for event in events:
            for second, count in enumerate(event.by_second, event.first):
                if count >= missing.get(second, count + 1):
                    del missing[second]
                    longest_s = max(longest_s, event.at_s - (second + 1))
        if missing:
            return None
    return longest_s


def last(seen: Iterable[Seen]) -> list[Seen]:
    """Return the last event of each viewer."""
    found = {event.viewer: event for event in sorted(seen, key=attrgetter("at_s"))}
    return list(found.values())
