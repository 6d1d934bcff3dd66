"""Payments checked against a schema: how many are valid, and why the others are not. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cli.schema.any_rows import Unread
from cli.tables import aligned
from fraudstream.errors import SchemaError
from fraudstream.payment import InvalidPayment, check_all, decode_each
from fraudstream.payment_schema import DeclaredField, PaymentSchema
from fraudstream.payment_values import PaymentValues, cell_value

_MOST_SHOWN = 20


class Payment(NamedTuple):
    """A message, or the cells of a row; `place` is a line or an offset."""

    place: str
    content: bytes | Mapping[str, str] | Unread | None


Outcome = tuple[str, dict[str, Any] | InvalidPayment]
"""Place of a payment, and its values or the InvalidPayment."""


class Checker:
    """Check by the rules of the scorer; rows of a file become messages first."""

    def __init__(self, schema: PaymentSchema, columns: Sequence[str]) -> None:
        """`columns` are a file's, empty for messages. Raises SchemaError if a required field has no column."""
        self._schema = schema
        self._values = PaymentValues(schema)
        self._columns = _columns_of(schema, columns)
        missing = [
            one.name
            for one in schema.fields.values()
            if columns and one.required and one.name not in self._columns and one.name != schema.id
        ]
        if missing:
            raise SchemaError(f"no column for the required field(s) {', '.join(missing)}; name them or their paths")

    def check(self, payments: Sequence[Payment]) -> list[Outcome]:
        """Return the outcome of each payment: unread ones first, then the others in order."""
        unread = [(one.place, one.content) for one in payments if isinstance(one.content, Unread)]
        rows = [(one.place, one.content) for one in payments if isinstance(one.content, Mapping)]
        values = [(one.place, one.content) for one in payments if isinstance(one.content, bytes | None)]
        of_rows = check_all([self._object(place, row) for place, row in rows], self._values.adapter)
        of_values = decode_each([value for _, value in values], self._values.adapter)
        return [
            *((place, InvalidPayment(reason="unreadable", detail=one.detail)) for place, one in unread),
            *((place, event) for (place, _), event in zip(rows, of_rows, strict=True)),
            *((place, event) for (place, _), event in zip(values, of_values, strict=True)),
        ]

    def _object(self, place: str, row: Mapping[str, str]) -> dict[str, Any]:
        """Return the message for a row: an empty cell is a missing value, and a row without an id has its place."""
        message: dict[str, Any] = {}
        for one in self._schema.fields.values():
            if one.name in self._columns:
                cell = row[self._columns[one.name]]
                if cell.strip():
                    _put(message, one, cell_value(one, cell))
            elif one.name == self._schema.id:
                _put(message, one, place if one.type == "text" else 1)
        return message


@dataclass(slots=True)
class _Count:
    first: str
    """Place of the first one."""
    count: int = 0


@dataclass(slots=True)
class Outcomes:
    """Counts of checked payments, the invalid ones by reason and detail."""

    valid: int = 0
    invalid: int = 0
    _counts: dict[tuple[str, str], _Count] = field(default_factory=dict)

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Count payments."""
        for place, event in outcomes:
            if isinstance(event, InvalidPayment):
                self.invalid += 1
                self._counts.setdefault((event.reason, event.detail), _Count(place)).count += 1
            else:
                self.valid += 1

    def text(self, source: str, schema: str) -> str:
        """Return the report; `source` and `schema` name what was checked."""
        lines = [f"{self.valid + self.invalid:,} payments of {source} checked by {schema}: {self.valid:,} are valid."]
        if self.invalid:
            ordered = sorted(self._counts.items(), key=lambda entry: -entry[1].count)
            rows = [("reason", "count", "first at", "detail")]
            rows += [(reason, f"{one.count:,}", one.first, detail) for (reason, detail), one in ordered[:_MOST_SHOWN]]
            lines += [f"{self.invalid:,} would become dead letters:", *aligned(rows, right={1})]
        if len(self._counts) > _MOST_SHOWN:
            lines.append(f"and {len(self._counts) - _MOST_SHOWN:,} more kinds")
        return "\n".join(lines)


def _columns_of(schema: PaymentSchema, names: Sequence[str]) -> dict[str, str]:
    """Return the column of each field: its name, its path, or its name in outputs."""
    found = {
        one.name: next((name for name in (one.name, ".".join(one.path), one.column) if name in names), None)
        for one in schema.fields.values()
    }
    return {name: column for name, column in found.items() if column is not None}


def _put(message: dict[str, Any], one: DeclaredField, value: object) -> None:
    *parents, last = one.path
    for key in parents:
        message = message.setdefault(key, {})
    message[last] = value
