"""What is written of a record: its CSV row, its scored payment, its dead letter. Pure text, made once, in bulk."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from fraudstream.events import InvalidPayment, Payment

HEADER = (
    "timestamp,payment_id,amount,country_risk_score,failed_logins,transaction_hour,is_new_device,"
    "fraud_probability,decision,model_version,partition,offset"
)


class Scored(NamedTuple):
    """A payment with its score, at its place in the input topic. The probability has 6 decimals."""

    payment: Payment
    fraud_probability: float
    decision: str
    model_version: str
    timestamp_ms: int
    partition: int
    offset: int


class Message(NamedTuple):
    """A record to publish."""

    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: list[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRow:
    """What a replay needs of a CSV row."""

    partition: int
    offset: int
    fraud_probability: float
    decision: str
    model_version: str


def stored_row(line: str) -> StoredRow:
    """Read one row of the CSV back. Raises ValueError where the line is none of ours."""
    cells = line.rstrip("\r\n").split(",")
    if len(cells) != HEADER.count(",") + 1:
        raise ValueError("not a row of this file")
    return StoredRow(
        partition=int(cells[10]),
        offset=int(cells[11]),
        fraud_probability=float(cells[7]),
        decision=cells[8],
        model_version=cells[9],
    )


def rfc3339(timestamp_ms: int) -> str:
    """A Kafka timestamp in RFC 3339, UTC, with milliseconds; empty where there is none or it can't be represented."""
    if timestamp_ms == -1:
        return ""
    seconds, milliseconds = divmod(timestamp_ms, 1000)
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"
    except (ValueError, OverflowError, OSError):
        return ""


def timestamps() -> Callable[[int], str]:
    """`rfc3339` that remembers the last second: records of one batch mostly share it."""
    known_second, prefix = None, ""

    def text(timestamp_ms: int) -> str:
        nonlocal known_second, prefix
        second = timestamp_ms // 1000
        if second != known_second:
            known_second, prefix = second, rfc3339(second * 1000)[:-4]
        return f"{prefix}{timestamp_ms % 1000:03d}Z" if prefix and timestamp_ms != -1 else ""

    return text


def csv_rows(scored: Sequence[Scored]) -> list[bytes]:
    """One CSV line for each, with its line end."""
    text = timestamps()
    return [
        f"{text(timestamp_ms)},{p['payment_id']},{p['amount']},{p['country_risk_score']},{p['failed_logins']},"
        f"{p['transaction_hour']},{p['is_new_device']},{probability:.6f},{decision},{version},{partition},{offset}\n".encode()
        for p, probability, decision, version, timestamp_ms, partition, offset in scored
    ]


def scored_values(scored: Sequence[Scored], scored_at: str) -> list[bytes]:
    """One JSON object for each, as `scored-payments` carries it."""
    return [
        f'{{"payment_id":{p["payment_id"]},"amount":{p["amount"]},"country_risk_score":{p["country_risk_score"]},'
        f'"failed_logins":{p["failed_logins"]},"transaction_hour":{p["transaction_hour"]},"is_new_device":{p["is_new_device"]},'
        f'"fraud_probability":{probability:.6f},"decision":"{decision}","model_version":"{version}","reasons":[],'
        f'"source_partition":{partition},"source_offset":{offset},"scored_at":"{scored_at}"}}'.encode()
        for p, probability, decision, version, _, partition, offset in scored
    ]


class Place(NamedTuple):
    """Where a record stands in Kafka."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int


def dead_letter_headers(place: Place, invalid: InvalidPayment) -> list[tuple[str, bytes | None]]:
    """The headers that tell why a message could not be scored, and where it stood."""
    return [
        ("dlq.reason", invalid.reason.encode()),
        ("dlq.detail", invalid.detail.encode(errors="backslashreplace")),
        ("dlq.topic", place.topic.encode()),
        ("dlq.partition", str(place.partition).encode()),
        ("dlq.offset", str(place.offset).encode()),
        ("dlq.timestamp", str(place.timestamp_ms).encode()),
    ]


def fitted(value: bytes | None, room: int) -> tuple[bytes | None, list[tuple[str, bytes | None]]]:
    """The value, cut to `room` bytes where it must be, with the headers that then tell its length and SHA-256."""
    if value is None or len(value) <= room:
        return value, []
    headers: list[tuple[str, bytes | None]] = [
        ("dlq.value_bytes", str(len(value)).encode()),
        ("dlq.value_sha256", hashlib.sha256(value).hexdigest().encode()),
    ]
    return value[: max(room, 0)], headers
