"""Records and rows → entries to merge: the input offset that each refers to, and its content."""

from collections.abc import Callable, Iterable
from typing import Any

import pydantic_core

from cli.audit.merge import Content
from fraudstream.payment import InvalidPayment, columns, decode, excess
from fraudstream.record import Record
from fraudstream.scored_payment import MOST_VALUES, Scored, stored_row

Unreadable = Callable[[str], None]
_NOT_OURS = (ValueError, TypeError, KeyError, OverflowError)
"""Errors raised by reading the fields of another writer's record."""


def scored_entries(records: Iterable[Record], partition: int, unreadable: Unreadable) -> list[tuple[int, Content]]:
    """Return the scored payments by the input offset of their payment."""
    entries: list[tuple[int, Content]] = []
    for record in records:
        try:
            event = _event(record.value)
            if event["source_partition"] != partition:
                raise ValueError(f"its payment is in partition {event['source_partition']}")
            content = event["payment_id"], event["fraud_probability"], event["decision"], event["model_version"]
            entries.append((int(event["source_offset"]), content))
        except _NOT_OURS as error:
            unreadable(f"scored topic, offset {record.offset}: {_text(error)}")
    return entries


def dead_entries(
    records: Iterable[Record], topic: str, partition: int, unreadable: Unreadable
) -> list[tuple[int, int]]:
    """Return dead letters by the input offset of their message, with its timestamp; skip other records and markers."""
    entries: list[tuple[int, int]] = []
    for record in records:
        headers = {name: value or b"" for name, value in record.headers}  # the scorer's headers come last
        if "dlq.offset" not in headers or headers.get("dlq.topic") != topic.encode():
            continue
        try:
            if int(headers["dlq.partition"]) == partition:
                entries.append((int(headers["dlq.offset"]), int(headers.get("dlq.timestamp", record.timestamp))))
        except (ValueError, KeyError) as error:
            unreadable(f"dead letters, offset {record.offset}: {_text(error)}")
    return entries


def row_entries(lines: Iterable[bytes], partition: int, unreadable: Unreadable) -> list[tuple[int, Content]]:
    """Return the CSV rows of one partition by offset."""
    entries: list[tuple[int, Content]] = []
    wanted = b"%d" % partition
    for line in lines:
        if line.rsplit(b",", 2)[-2] != wanted:
            continue
        try:
            row = stored_row(line)
        except ValueError as error:
            unreadable(f"CSV row {_preview(line)}: {_text(error)}")
        else:
            entries.append((row.offset, (row.payment_id, row.fraud_probability, row.decision, row.model_version)))
    return entries


def scored_again(records: Iterable[Record], unreadable: Unreadable) -> Scored:
    """Return scored records as the scorer had them, without records of other writers."""
    payments, places = [], []
    for record in records:
        try:
            event = _event(record.value)
            payment = decode(record.value)
            if isinstance(payment, InvalidPayment):
                raise ValueError(payment.detail)  # noqa: TRY004
            score = float(event["fraud_probability"]), str(event["decision"]), str(event["model_version"])
            if not 0.0 <= score[0] <= 1.0:
                raise ValueError(f"its probability is {score[0]}")
            place = record.timestamp, int(event["source_partition"]), int(event["source_offset"])
            places.append((*score, *place))
            payments.append(payment)
        except _NOT_OURS as error:
            unreadable(f"scored topic, offset {record.offset}: {_text(error)}")
    probability, decision, version, timestamp_ms, partition, offset = zip(*places, strict=True) if places else [()] * 6
    return Scored(
        payments=columns(payments),
        fraud_probability=probability,
        decision=decision,
        model_version=version,
        timestamp_ms=timestamp_ms,
        partition=partition,
        offset=offset,
    )


def _event(value: bytes | None) -> Any:
    if why := excess(value or b"", MOST_VALUES):
        raise ValueError(why)
    return pydantic_core.from_json(value or b"")


def _text(error: Exception) -> str:
    return f"missing {error}" if isinstance(error, KeyError) else str(error)


def _preview(line: bytes) -> str:
    return repr(line[:100].decode(errors="replace"))
