"""Records and rows → entries to merge: the input offset that each refers to, and its content."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pydantic_core

from cli.audit.content import Content
from fraudstream.csv_file.layout import Layout
from fraudstream.payment import InvalidPayment, excess
from fraudstream.payment_schema import DeclaredField, PaymentSchema, place
from fraudstream.payment_values import Value, cell_value, member
from fraudstream.record import Record
from fraudstream.scored_payment import Scored, ScoredFormat, ScoredPayment, readable
from fraudstream.secret_tokens import is_in_clear

Unreadable = Callable[[str], None]
_NOT_OURS = (ValueError, TypeError, KeyError, OverflowError)
"""Errors raised by reading the fields of another writer's record."""


class ScoredEntries:
    """Reader of scored records of this schema and of earlier ones; only what is compared with the CSV is read."""

    def __init__(self, form: ScoredFormat) -> None:
        self._id = form.schema.fields[form.schema.id]
        self._path = place(self._id)
        self._cell = form.layout.id_cell
        self._most_values = form.most_values

    def entries(self, records: Iterable[Record], partition: int, unreadable: Unreadable) -> list[tuple[int, Content]]:
        """Return the scored payments by the input offset of their payment."""
        entries: list[tuple[int, Content]] = []
        for record in records:
            try:
                event = _event(record.value, self._most_values)
                if event["source_partition"] != partition:
                    raise ValueError(f"its payment is in partition {event['source_partition']}")
                content = self._id_cell(event), event["fraud_probability"], event["decision"], event["model_version"]
                entries.append((int(event["source_offset"]), content))
            except _NOT_OURS as error:
                unreadable(f"scored topic, offset {record.offset}: {_text(error)}")
        return entries

    def _id_cell(self, event: Mapping[str, Any]) -> str | None:
        """Return the id as the CSV has it; None if the record has none, as it is of an earlier schema."""
        found = member(event, self._path)
        if type(found) is int:
            return str(found)
        if found is None:
            return None
        # with `strict = false`, an integer may have been sent as text, or as a number such as 7.0
        if isinstance(found, float) and found.is_integer():
            found = int(found)
        elif isinstance(found, str) and self._id.type == "integer":
            found = cell_value(self._id, found)
        return self._cell(found)


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


def row_entries(
    lines: Iterable[bytes], layout: Layout, partition: int, unreadable: Unreadable
) -> list[tuple[int, Content]]:
    """Return the CSV rows of one partition by offset."""
    entries: list[tuple[int, Content]] = []
    wanted = b"%d" % partition
    has_ids = layout.id_column in layout.columns
    for line in lines:
        if line.rsplit(b",", 2)[-2] != wanted:  # the last two cells are never quoted
            continue
        try:
            row = layout.stored_row(line)
        except ValueError as error:
            unreadable(f"CSV row {_preview(line)}: {_text(error)}")
        else:
            payment_id = row.id if has_ids else None
            entries.append((row.offset, (payment_id, row.fraud_probability, row.decision, row.model_version)))
    return entries


def stored_format(schema: PaymentSchema) -> ScoredFormat:
    """Return the format of rows made from records of this schema and of earlier ones.

    A value that a record does not have is an empty cell, and so is a clear value of a field that is secret now; ranges
    are not checked, as they may have changed.
    """
    fields = {name: readable(one, required=name == schema.id) for name, one in schema.fields.items()}
    return ScoredFormat(replace(schema, fields=fields))


def scored_again(records: Iterable[Record], form: ScoredFormat, unreadable: Unreadable) -> Scored:
    """Return scored records as the scorer had them, without records of other writers; `form` is a `stored_format`."""
    found = []
    for record in records:
        if scored := form.read(record.value):
            found.append((record.timestamp, scored))
        else:
            unreadable(f"scored topic, offset {record.offset}: {_problem(record.value, form)}")
    ones = [one for _, one in found]
    return Scored(
        payments={name: _column(field, ones) for name, field in form.schema.fields.items()},
        fraud_probability=[one.fraud_probability for one in ones],
        decision=[one.decision for one in ones],
        model_version=[one.model_version for one in ones],
        timestamp_ms=[timestamp_ms for timestamp_ms, _ in found],
        partition=[one.source_partition for one in ones],
        offset=[one.source_offset for one in ones],
    )


def _column(field: DeclaredField, payments: Sequence[ScoredPayment]) -> list[Value | None]:
    values = (one.fields[field.name] for one in payments)
    return [None if is_in_clear(field, value) else value for value in values]


def _problem(value: bytes | None, form: ScoredFormat) -> str:
    payment = form.payment.decode(value)
    if isinstance(payment, InvalidPayment):
        return payment.detail
    return "its probability, decision, reasons or place are not as the scorer writes them"


def _event(value: bytes | None, most_values: int) -> Any:
    if why := excess(value or b"", most_values):
        raise ValueError(why)
    return pydantic_core.from_json(value or b"")


def _text(error: Exception) -> str:
    return f"missing {error}" if isinstance(error, KeyError) else str(error)


def _preview(line: bytes) -> str:
    return repr(line[:100].decode(errors="replace"))
