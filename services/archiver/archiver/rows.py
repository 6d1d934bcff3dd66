"""Kafka records → rows of the archive, for any bytes; records not written by us are skipped. Pure."""

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from pydantic_core import to_json

from fraudstream.dead_letter import DeadLetter, dead_letter, replayed
from fraudstream.payment import FIELDS
from fraudstream.record import Headers, Place, Record
from fraudstream.runtime.settings import TopicSettings
from fraudstream.scored_payment import Reason, scored_payment
from fraudstream.timestamps import Timestamps, rfc3339

Row = tuple[Any, ...]
"""Values of a table's columns, in their order."""

_LARGE, _SMALL = range(2**63), range(2**31)
_STAMPS = range(-(2**63), 2**63)
_SHOWN_STAMPS = range(253_402_300_800_000)  # up to the year 9999
# part of the table's key: longer names don't fit into Postgres' index, and are not valid topics
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_AHEAD = timedelta(days=1)
"""Maximum by which a scorer's clock may be ahead."""
_NUL, _NUL_SHOWN = "\x00", "\\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows by table, and the number of skipped records, not written by us, by topic (`scored` or `dlq`)."""

    rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of rows."""
        return sum(map(len, self.rows.values()))


def batch(fetched: Mapping[Place, Sequence[Record]], topics: TopicSettings, archived_at: str) -> Batch:
    """Return the rows for all fetched records; `archived_at` is now, in RFC 3339."""
    scored, letters, replays = list[Row](), list[Row](), list[Row]()
    skipped = {"scored": 0, "dlq": 0}
    moment, latest = Timestamps().__getitem__, _latest(archived_at)
    for (topic, partition), records in fetched.items():
        if topic == topics.scored:
            rows = [row for record in records if (row := scored_row(topics.input, record, latest, moment))]
            scored += rows
            skipped["scored"] += len(records) - len(rows)
            continue
        for record in records:
            if row := letter_row(topic, partition, record, archived_at):
                letters.append(row)
            elif row := replay_row(topic, partition, record, archived_at):
                replays.append(row)
            else:
                skipped["dlq"] += 1
    return Batch(rows={"scored_payments": scored, "dead_letters": letters, "replays": replays}, skipped=skipped)


def _latest(archived_at: str) -> str:
    moment = datetime.fromisoformat(archived_at) + _AHEAD
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def scored_row(input_topic: str, record: Record, latest: str, moment: Callable[[int], str] = rfc3339) -> Row | None:
    """Return a row of scored_payments, or None; `moment` formats a Kafka timestamp as RFC 3339.

    A later `scored_at` is stored as `latest`: a payment of the year 9999 would never expire.
    """
    payment = scored_payment(record.value)
    if payment is None or (scored_at := _utc(payment["scored_at"])) is None:
        return None
    challenger = payment.get("challenger_version")
    return (
        input_topic,
        payment["source_partition"],
        payment["source_offset"],
        record.timestamp,
        moment(record.timestamp) if record.timestamp in _SHOWN_STAMPS else None,
        *map(payment.get, FIELDS),
        payment["fraud_probability"],
        payment["decision"],
        _clean(payment["model_version"]),
        _reasons(payment["reasons"]) if payment["reasons"] else "[]",
        min(scored_at, latest),
        payment.get("challenger_probability"),
        None if challenger is None else _clean(challenger),
    )


def letter_row(topic: str, partition: int, record: Record, archived_at: str) -> Row | None:
    """Return a row of dead_letters, or None; `topic` and `partition` are the letter's own."""
    letter = dead_letter(partition, record)
    if letter is None or not _fits(letter):
        return None
    return (
        *letter.source,
        topic,
        partition,
        letter.offset,
        _clean(letter.reason),
        _clean(letter.detail),
        letter.key,
        letter.value,
        letter.value_bytes,
        _headers(letter.headers),
        archived_at,
    )


def replay_row(topic: str, partition: int, record: Record, archived_at: str) -> Row | None:
    """Return a row of replays, or None."""
    marker = replayed(partition, record)
    if marker is None:
        return None
    at = rfc3339(marker.timestamp_ms) if marker.timestamp_ms in _SHOWN_STAMPS else None
    place = topic, partition, marker.letter_offset, marker.offset, marker.timestamp_ms
    return (*place, at, marker.edited, marker.again, archived_at)


def _fits(letter: DeadLetter) -> bool:
    source = letter.source
    return (
        _TOPIC.fullmatch(source.topic) is not None
        and source.partition in _SMALL
        and source.offset in _LARGE
        and source.timestamp_ms in _STAMPS
        and letter.value_bytes in _LARGE
    )


def _headers(headers: Headers) -> str:
    return json.dumps([_header(name, value) for name, value in headers]) if headers else "[]"


def _header(name: str, value: bytes | None) -> dict[str, str | None]:
    """Return a header with its value as text if it is valid UTF-8, else in Base64: nothing is lost."""
    known = {"name": _clean(name)}
    try:
        text = None if value is None else value.decode()
    except UnicodeDecodeError:
        text = _NUL
    if text is None or _NUL not in text:
        return {**known, "text": text}
    return {**known, "base64": base64.b64encode(value or b"").decode()}


def _reasons(reasons: Sequence[Reason]) -> str:
    cleaned = [
        {"field": _clean(reason["field"]), "contribution": reason["contribution"], "text": _clean(reason["text"])}
        for reason in reasons
    ]
    return to_json(cleaned).decode()


def _clean(text: str) -> str:
    """Escape NUL: Postgres does not store it in text, and SQLite's own tools stop reading at it."""
    return text.replace(_NUL, _NUL_SHOWN) if _NUL in text else text


@lru_cache(maxsize=1_024)
def _utc(text: str) -> str | None:
    """Return the time in UTC with milliseconds, or None if invalid; cached: one value per cycle."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            return None
        return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return None
