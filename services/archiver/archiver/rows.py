"""Kafka records → rows of the archive, for any bytes; records not written by us are skipped. Pure."""

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from pydantic_core import to_json

from fraudstream.dead_letter import DeadLetter, dead_letter, replayed
from fraudstream.payment_schema import MOST_CHARACTERS, PaymentSchema
from fraudstream.payment_values import Value
from fraudstream.record import Headers, Place, Record
from fraudstream.runtime.settings import TopicSettings
from fraudstream.scored_payment import Reason, ScoredFormat, ScoredPayment
from fraudstream.secret_tokens import is_in_clear
from fraudstream.timestamps import Timestamps, rfc3339, time_text, utc_text

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
_NUL_IN_JSON, _NULL = b"\\u0000", b":null"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows by table, and the number of skipped records, not written by us, by topic (`scored` or `dlq`)."""

    rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of rows."""
        return sum(map(len, self.rows.values()))


class Rows:
    """Rows of the records of one schema's payments."""

    def __init__(self, schema: PaymentSchema, topics: TopicSettings) -> None:
        self._topics = topics
        self._format = ScoredFormat(schema)
        self._amount = schema.amount or ""
        columns = [(name, one.column) for name, one in schema.fields.items()]
        self._columns = None if all(name == column for name, column in columns) else columns
        self._times = [one.column for one in schema.fields.values() if one.type == "time"]
        self._fields, self._has_secrets = schema.fields, schema.has_secrets

    def batch(self, fetched: Mapping[Place, Sequence[Record]], archived_at: str) -> Batch:
        """Return the rows for all fetched records; `archived_at` is now, in RFC 3339."""
        scored, letters, replays = list[Row](), list[Row](), list[Row]()
        skipped = {"scored": 0, "dlq": 0}
        moment, latest = Timestamps().__getitem__, _latest(archived_at)
        for (topic, partition), records in fetched.items():
            if topic == self._topics.scored:
                rows = [row for record in records if (row := self.scored_row(record, latest, moment))]
                scored += rows
                skipped["scored"] += len(records) - len(rows)
                continue
            for record in records:
                if row := letter_row(topic, partition, record, archived_at, with_content=not self._has_secrets):
                    letters.append(row)
                elif row := replay_row(topic, partition, record, archived_at):
                    replays.append(row)
                else:
                    skipped["dlq"] += 1
        return Batch(rows={"scored_payments": scored, "dead_letters": letters, "replays": replays}, skipped=skipped)

    def scored_row(self, record: Record, latest: str, moment: Callable[[int], str] = rfc3339) -> Row | None:
        """Return a row of scored_payments, or None; `moment` formats a Kafka timestamp as RFC 3339.

        A later `scored_at` is stored as `latest`: a payment of the year 9999 would never expire.
        """
        payment = self._format.read(record.value)
        if payment is None or (scored_at := _utc(payment.scored_at)) is None:
            return None
        challenger = payment.challenger_version
        return (
            self._topics.input,
            payment.source_partition,
            payment.source_offset,
            record.timestamp,
            moment(record.timestamp) if record.timestamp in _SHOWN_STAMPS else None,
            str(payment.id) if isinstance(payment.id, int) else stored_text(payment.id),
            payment.fields.get(self._amount),
            self._document(payment),
            payment.fraud_probability,
            payment.decision,
            _version(payment.model_version),
            _reasons(payment.reasons) if payment.reasons else "[]",
            min(scored_at, latest),
            payment.challenger_probability,
            None if challenger is None else _version(challenger),
        )

    def _document(self, payment: ScoredPayment) -> str:
        """Return the fields that have a value as a JSON object, by their names in outputs."""
        fields = payment.fields
        if self._has_secrets:
            fields = {name: value for name, value in fields.items() if not is_in_clear(self._fields[name], value)}
        if self._columns is not None:
            fields = {column: fields[name] for name, column in self._columns if name in fields}
        if self._times:
            times = {column: _time(fields[column]) for column in self._times if column in fields}
            fields = {**fields, **times}
        try:
            document = to_json(fields)
        except ValueError:
            document = b""  # a lone surrogate
        if not document or len(document) > MOST_CHARACTERS or _NUL_IN_JSON in document or _NULL in document:
            document = to_json({name: _stored_value(value) for name, value in fields.items() if value is not None})
        return document.decode()


def _latest(archived_at: str) -> str:
    return utc_text(datetime.fromisoformat(archived_at) + _AHEAD)


def _time(value: Value | None) -> Value | None:
    """Return a time in milliseconds as RFC 3339, in UTC; a token as it is."""
    return time_text(value) if isinstance(value, int) else value


def letter_row(
    topic: str, partition: int, record: Record, archived_at: str, *, with_content: bool = True
) -> Row | None:
    """Return a row of dead_letters, or None; `topic` and `partition` are the letter's own.

    Without its content, it has neither key, value nor headers: any of them may have a secret, in any form.
    """
    letter = dead_letter(partition, record)
    if letter is None or not _fits(letter):
        return None
    return (
        *letter.source,
        topic,
        partition,
        letter.offset,
        stored_text(letter.reason),
        stored_text(letter.detail),
        letter.key if with_content else None,
        letter.value if with_content else None,
        letter.value_bytes,
        _headers(letter.headers) if with_content else "[]",
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
    known = {"name": _escaped(name)}
    try:
        text = None if value is None else value.decode()
    except UnicodeDecodeError:
        text = _NUL
    if text is None or _NUL not in text:
        return {**known, "text": text}
    return {**known, "base64": base64.b64encode(value or b"").decode()}


def _reasons(reasons: Sequence[Reason]) -> str:
    cleaned = [
        {
            "field": stored_text(reason["field"]),
            "contribution": reason["contribution"],
            "text": stored_text(reason["text"]),
        }
        for reason in reasons
    ]
    return to_json(cleaned).decode()


def stored_text(text: str) -> str:
    """Return a text as the archive stores it: its first 4,096 characters, with NUL and lone surrogates escaped.

    Postgres does not store NUL in text, and SQLite's own tools stop reading at it.
    """
    if len(text) > MOST_CHARACTERS:
        text = text[:MOST_CHARACTERS]
    return text if text.isascii() and _NUL not in text else _escaped(text)


_version = lru_cache(maxsize=1_024)(stored_text)


def _escaped(text: str) -> str:
    return text.replace(_NUL, _NUL_SHOWN).encode(errors="backslashreplace").decode()


def _stored_value(value: Value | None) -> Value | None:
    return stored_text(value) if isinstance(value, str) else value


@lru_cache(maxsize=1_024)
def _utc(text: str) -> str | None:
    """Return the time in UTC with milliseconds, or None if invalid; cached: one value per cycle."""
    try:
        moment = datetime.fromisoformat(text)
        return utc_text(moment) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
