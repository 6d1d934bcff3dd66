"""Records of the scored and the dead-letter topic → JSON for the page. Pure, and safe against any bytes."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from fraudstream.payment import VALUES
from fraudstream.record import Record
from fraudstream.scored_payment import ScoredPayment
from fraudstream.timestamps import rfc3339

_VALUE_CHARACTERS = 2_000
_TEXT_CHARACTERS = 500


@lru_cache(maxsize=10_000)
def second_of(scored_at: str) -> int:
    """Return the time in whole seconds since 1970, 0 if it is invalid; cached: one value per cycle."""
    try:
        return int(datetime.fromisoformat(scored_at).timestamp())
    except (ValueError, OverflowError):
        return 0


def shown(payment: ScoredPayment, timestamp_ms: int) -> dict[str, Any]:
    """Return a scored payment for the page; the id is text, as JavaScript numbers are exact only up to 2^53."""
    scores = ("fraud_probability", "decision", "model_version", "reasons", "scored_at")
    return {
        "payment_id": str(payment["payment_id"]),
        "fields": {name: payment.get(name) for name in VALUES},
        **{name: payment[name] for name in scores},  # type: ignore[literal-required]
        "partition": payment["source_partition"],
        "offset": payment["source_offset"],
        "timestamp": rfc3339(timestamp_ms),
        "challenger_probability": payment.get("challenger_probability"),
        "challenger_version": payment.get("challenger_version"),
    }


def dead_letter(partition: int, record: Record) -> dict[str, Any]:
    """Return a dead letter for the page; its texts are untrusted, and truncated."""
    headers = _texts(record.headers)
    value = record.value
    return {
        "partition": partition,
        "offset": record.offset,
        "source_partition": _number(headers, "dlq.partition"),
        "source_offset": _number(headers, "dlq.offset"),
        "timestamp": rfc3339(record.timestamp),
        "reason": headers.get("dlq.reason", "unknown"),
        "detail": headers.get("dlq.detail", ""),
        "key": None if record.key is None else _text(record.key, _TEXT_CHARACTERS),
        "value": None if value is None else _text(value, _VALUE_CHARACTERS),
        "value_bytes": len(value or b""),
        "replayed": None,
    }


def dead_reason(record: Record) -> str:
    """Return the reason of a dead letter."""
    return _texts(record.headers).get("dlq.reason", "unknown")


def _texts(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    # the last header of a name is ours: the original message's headers come first
    return {name: _text(value or b"", _TEXT_CHARACTERS) for name, value in headers if name.startswith("dlq.")}


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None


def _text(value: bytes, most: int) -> str:
    return value[: 4 * most].decode("utf-8", errors="backslashreplace")[:most]
