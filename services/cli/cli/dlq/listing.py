"""The output of `dlq list`: letters by reason and the latest ones, or one JSON line per letter. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from heapq import nlargest
from typing import Any

from cli.dlq.choosing import Choice, LetterPlace
from cli.dlq.index import Entry, Index
from cli.tables import aligned
from fraudstream.dead_letter import Replayed
from fraudstream.runtime.escaping import ascii_json, shortened, visible
from fraudstream.timestamps import rfc3339

_DETAIL_CHARACTERS = 70
_NONE = "-"
_AHEAD_MS = 3_600_000

Listed = tuple[Entry, Sequence[Replayed]]


def listed(index: Index, choice: Choice) -> list[Listed]:
    """Return the chosen letters with the markers of their replays."""
    return [
        (entry, replays)
        for entry in index.chosen(choice)
        if choice.wants(replayed=bool(replays := index.replays(entry.place)))
    ]


def text(letters: Sequence[Listed], topic: str, last: int, now_ms: int) -> str:
    """Return the text output; `last` is the number of letters shown one by one."""
    if not letters:
        return f"No matching dead letters in {topic}."
    unreplayed = sum(not replays for _, replays in letters)
    parts = [f"{topic}: {len(letters):,} dead letters, {unreplayed:,} of them not replayed", *_reasons(letters)]
    if last:
        shown = latest(letters, last, now_ms)
        rows = [("place", "time", "reason", "replayed", "detail"), *map(_row, shown)]
        parts += ["", f"the latest {len(shown):,}:" if len(shown) < len(letters) else "all of them:", *aligned(rows)]
        parts += ["", f"details: fraudstream dlq show {shown[0][0].place}"]
    return "\n".join(parts)


def latest(letters: Iterable[Listed], last: int, now_ms: int) -> list[Listed]:
    """Return letters by timestamp, newest first; those over an hour ahead of now can't be trusted and come last."""

    def age(one: Listed) -> tuple[int, LetterPlace]:
        timestamp_ms = one[0].timestamp_ms
        return timestamp_ms if timestamp_ms <= now_ms + _AHEAD_MS else -1, one[0].place

    return nlargest(last, letters, key=age)


def json_line(entry: Entry, replays: Sequence[Replayed]) -> str:
    """Return the letter as a JSON object in ASCII, without its bytes."""
    line: dict[str, Any] = {
        "partition": entry.place.partition,
        "offset": entry.place.offset,
        "timestamp": rfc3339(entry.timestamp_ms),
        "reason": entry.reason,
        "detail": entry.detail,
        "source_topic": entry.source.topic,
        "source_partition": entry.source.partition,
        "source_offset": entry.source.offset,
        "value_bytes": entry.value_bytes,
        "cut": entry.is_cut,
        "replayed": [rfc3339(marker.timestamp_ms) for marker in replays],
    }
    return ascii_json(line)


def _reasons(letters: Iterable[Listed]) -> list[str]:
    counts, unreplayed, latest_ms = Counter[str](), Counter[str](), dict[str, int]()
    for entry, replays in letters:
        counts[entry.reason] += 1
        unreplayed[entry.reason] += not replays
        latest_ms[entry.reason] = max(latest_ms.get(entry.reason, -1), entry.timestamp_ms)
    rows = [
        (visible(name), f"{count:,}", f"{unreplayed[name]:,}", rfc3339(latest_ms[name]) or _NONE)
        for name, count in counts.most_common()
    ]
    return ["", *aligned([("reason", "letters", "not replayed", "latest"), *rows], right=(1, 2))]


def _row(listed: Listed) -> tuple[str, ...]:
    entry, replays = listed
    return (
        str(entry.place),
        rfc3339(entry.timestamp_ms) or _NONE,
        visible(entry.reason),
        (rfc3339(replays[-1].timestamp_ms) or "yes") if replays else _NONE,
        shortened(visible(entry.detail), _DETAIL_CHARACTERS),
    )
