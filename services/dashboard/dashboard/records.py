"""Records of the scored and the dead-letter topic → JSON for the page. Pure, and safe against any bytes."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from fraudstream.payment_schema import MOST_CHARACTERS, DeclaredField, PaymentSchema
from fraudstream.payment_values import Value
from fraudstream.record import Record
from fraudstream.scored_payment import ScoredPayment
from fraudstream.secret_tokens import is_in_clear
from fraudstream.timestamps import rfc3339, time_text

_VALUE_CHARACTERS = 2_000
_TEXT_CHARACTERS = 500
_TEXTS_CHARACTERS = 8_000
"""Length of all texts of a payment together, by which long ones are cut: each goes to every open page."""
_LEAST_CHARACTERS = 40
HIDDEN = "hidden"
"""In place of a secret field's value that is not a token: the record is older than the field's `secret = true`."""
_LARGEST_EXACT = 2**53
"""Integers from here on are not exact in JavaScript."""
_PLACE = re.compile(r"[\w.-]{1,249}/\d{1,9}/\d{1,18}", re.ASCII)


@lru_cache(maxsize=10_000)
def second_of(scored_at: str) -> int:
    """Return the time in whole seconds since 1970, 0 if it is invalid; cached: one value per cycle."""
    try:
        return int(datetime.fromisoformat(scored_at).timestamp())
    except (ValueError, OverflowError):
        return 0


def shown(payment: ScoredPayment, schema: PaymentSchema, timestamp_ms: int) -> dict[str, Any]:
    """Return a scored payment for the page; the id is text, and long texts are cut."""
    most = min(max(_TEXTS_CHARACTERS // len(schema.fields), _LEAST_CHARACTERS), _TEXT_CHARACTERS)
    return {
        "id": str(payment.id)[:MOST_CHARACTERS],
        "fields": {
            name: _value(payment.fields.get(name), field, most)
            for name, field in schema.fields.items()
            if name != schema.id
        },
        "fraud_probability": payment.fraud_probability,
        "decision": payment.decision,
        "model_version": payment.model_version,
        "reasons": payment.reasons,
        "scored_at": payment.scored_at,
        "partition": payment.source_partition,
        "offset": payment.source_offset,
        "timestamp": rfc3339(timestamp_ms),
        "challenger_probability": payment.challenger_probability,
        "challenger_version": payment.challenger_version,
    }


def _value(value: Value | None, field: DeclaredField, most: int) -> Value | None:
    """Return a field's value for JavaScript: times as RFC 3339, integers that it can't represent as text."""
    if is_in_clear(field, value):
        return HIDDEN
    if isinstance(value, str):
        return value if len(value) <= most else f"{value[:most]}…"
    if value is None or isinstance(value, bool):
        return value
    if field.type == "time":
        return time_text(int(value)) or None
    return value if abs(value) <= _LARGEST_EXACT else str(value)


class Letter(NamedTuple):
    """A dead letter: the text of its key, and what the page shows of it."""

    key: str | None
    shown: dict[str, Any]


def dead_letter(partition: int, record: Record, *, is_masked: bool) -> Letter:
    """Return a dead letter for the page; its texts are untrusted, and truncated.

    A masked one has neither key nor value, which may contain secrets in clear.
    """
    headers = _texts(record.headers)
    value = record.value
    key = None if record.key is None else _text(record.key, _TEXT_CHARACTERS)
    shown = {
        "partition": partition,
        "offset": record.offset,
        "place": _place(headers),
        "timestamp": rfc3339(record.timestamp),
        "reason": headers.get("dlq.reason", "unknown"),
        "detail": headers.get("dlq.detail", ""),
        "masked": is_masked,
        "key": None if is_masked else key,
        "value": None if is_masked or value is None else _text(value, _VALUE_CHARACTERS),
        "value_bytes": len(value or b""),
        "replayed": None,
    }
    return Letter(key, shown)


def dead_reason(record: Record) -> str:
    """Return the reason of a dead letter."""
    return _texts(record.headers).get("dlq.reason", "unknown")


def _texts(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    # the last header of a name is ours: the original message's headers come first
    return {name: _text(value or b"", _TEXT_CHARACTERS) for name, value in headers if name.startswith("dlq.")}


def _place(headers: Mapping[str, str]) -> str | None:
    """Return the place of the letter's message, as the commands accept it; None if another program wrote the letter."""
    place = "/".join(headers.get(f"dlq.{name}", "") for name in ("topic", "partition", "offset"))
    return place if _PLACE.fullmatch(place) else None


def _text(value: bytes, most: int) -> str:
    return value[: 4 * most].decode("utf-8", errors="backslashreplace")[:most]
