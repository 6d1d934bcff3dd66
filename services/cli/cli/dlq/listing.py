"""The output of `dlq list`: letters by reason and the latest ones, or one JSON line per letter. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from heapq import nlargest
from itertools import islice
from shlex import quote
from typing import Any

from cli.dlq.choosing import Choice
from cli.dlq.index import Entry, Index
from cli.dlq.places import LetterPlace, grouped
from cli.tables import aligned
from cli.texts import counted
from fraudstream.dead_letter import Replayed
from fraudstream.runtime.escaping import ascii_json, shortened, visible
from fraudstream.timestamps import rfc3339

_CAUSE_CHARACTERS = 400
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


def text(letters: Sequence[Listed], topic: str, last: int, now_ms: int, command: str) -> str:
    """Return the text output; the places of the `last` letters are shown. `command` runs the command line."""
    if not letters:
        return f"No matching dead letters in {topic}."
    unreplayed = sum(not replays for _, replays in letters)
    parts = [f"{topic}: {counted(len(letters), 'dead letter')}, {unreplayed:,} not replayed", *_reasons(letters)]
    if last:
        shown = latest(letters, last, now_ms)
        parts += ["", f"the latest {len(shown):,}:" if len(shown) < len(letters) else "all of them:", *_causes(shown)]
        parts += ["", f"details: {command} dlq show {quote(shown[0][0].source.text)}"]
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
        "place": entry.source.text,
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


def _causes(letters: Iterable[Listed]) -> list[str]:
    """Return the letters by cause, that of the first letter first, and the places of each cause in ranges."""
    causes: dict[str, list[Listed]] = {}
    for one in letters:
        cause = f"{visible(one[0].reason)}: {visible(one[0].detail)}"
        causes.setdefault(shortened(cause, _CAUSE_CHARACTERS), []).append(one)
    rows = [_rows(some) for some in causes.values()]
    lines = iter(aligned([row for some in rows for row in some]))
    return [line for cause, some in zip(causes, rows, strict=True) for line in (cause, *islice(lines, len(some)))]


def _rows(letters: Iterable[Listed]) -> list[tuple[str, ...]]:
    """Return the places of the letters, by partition and by whether they were replayed, and the latest times."""
    groups: dict[tuple[str, int, bool], list[Listed]] = {}
    for entry, replays in letters:
        groups.setdefault((entry.source.topic, entry.source.partition, bool(replays)), []).append((entry, replays))
    return [_row(groups[key]) for key in sorted(groups)]


def _row(letters: Sequence[Listed]) -> tuple[str, ...]:
    (places,) = grouped(entry.source for entry, _ in letters)
    latest_ms = max(entry.timestamp_ms for entry, _ in letters)
    replayed_ms = [replays[-1].timestamp_ms for _, replays in letters if replays]
    replayed = f"replayed {rfc3339(max(replayed_ms))}".rstrip() if replayed_ms else ""
    return f"  {visible(str(places))}", rfc3339(latest_ms) or _NONE, replayed
