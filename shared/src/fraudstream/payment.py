"""Payments of a schema: messages decoded into payments or the reason why they are invalid, columns, cells, messages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import pydantic_core
from pydantic import TypeAdapter, ValidationError

from fraudstream import wire_formats
from fraudstream.cell_text import csv_writer, json_writer
from fraudstream.payment_schema import PaymentSchema
from fraudstream.payment_values import PaymentValues, Value
from fraudstream.templates import fill, object_template

__all__ = ["DECISIONS", "InvalidPayment", "PaymentFormat", "Payments"]

DECISIONS = (APPROVE := "approve", REVIEW := "review", BLOCK := "block")
UNREADABLE_RECORD, SKIPPED = "unreadable_record", "skipped"
REASONS = (
    "tombstone",
    "empty",
    "invalid_json",
    "not_an_object",
    "missing_field",
    "invalid_field",
    UNREADABLE_RECORD,
    SKIPPED,
)
"""Reasons why a message can't be scored."""
MOST_BYTES = 1 << 20
"""Kafka's default limit for a message; a topic may have a higher one."""
_SEPARATORS = (b",", b"[", b"{", b":")
_DETAIL_CHARACTERS = 300
_MAX_VALUES = 10_000
"""Limit on the values in a message's JSON: they take 20 MB once it is refused."""

E = TypeVar("E")
V = TypeVar("V")

Decoded = dict[str, Any]
"""A valid message's declared fields, nested as in the message."""
Payments = Mapping[str, Sequence[Value | None]]
"""Payments as columns of equal length, by field; None where a value is missing, times in milliseconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidPayment:
    """Explanation of an invalid message: a reason to filter by, and a detail that never quotes the message."""

    reason: str
    detail: str


class PaymentFormat:
    """Messages, columns and texts of the payments of a schema. Thread-safe."""

    def __init__(self, schema: PaymentSchema) -> None:
        self.schema = schema
        self._values = PaymentValues(schema)
        self._cells = {name: csv_writer(field) for name, field in schema.fields.items()}
        self._json = {name: json_writer(field) for name, field in schema.fields.items()}
        self._message = object_template((field.path, field.name) for field in schema.fields.values())

    def decode(self, value: bytes | None) -> Decoded | InvalidPayment:
        """Return the payment in a message's value, or why it is invalid. The last of duplicate fields counts."""
        return self.decode_all([value])[0]

    def decode_all(self, values: Sequence[bytes | None]) -> list[Decoded | InvalidPayment]:
        """Return the payment in each value, or why it is invalid, in order.

        Messages are parsed one by one: parsing a joined batch is not faster (docs/performance.md), and a message's
        bytes could complete or split those of its neighbour.
        """
        return decode_each(values, self._values.adapter, required=self._values.required)

    def columns(self, payments: Sequence[Decoded]) -> Payments:
        """Return valid payments as columns."""
        return self._values.columns(payments)

    def cells(self, payments: Payments) -> dict[str, list[str]]:
        """Return the columns as the text of their cells in the CSV, by field."""
        return {name: write(payments[name]) for name, write in self._cells.items()}

    def encode_all(self, payments: Payments) -> list[bytes]:
        """Return the value of a message for each payment, in order: an object of the declared fields."""
        return fill(self._message, {name: write(payments[name]) for name, write in self._json.items()})


def decode_each(
    values: Sequence[bytes | None], adapter: TypeAdapter[E], *, required: int = 1
) -> list[E | InvalidPayment]:
    """Return the event that `adapter` parses from each value, or why it is invalid, in order.

    An object without any of its `required` members may be an envelope, which the detail then names.
    """
    if max(map(len, filter(None, values)), default=0) > _MAX_VALUES:
        return [_check_size(value) or _decode_each([value], adapter, required)[0] for value in values]
    return _decode_each(values, adapter, required)


def _decode_each(values: Sequence[bytes | None], adapter: TypeAdapter[E], required: int) -> list[E | InvalidPayment]:
    # pydantic-core's own method: the Python wrapper doubles the cost; None is refused as invalid
    validate: Callable[[bytes | None], E] = adapter.validator.validate_json  # type: ignore[assignment]
    events = _validate_each(values, validate, partial(_explain, required))
    if _has_non_finite(b"".join(filter(None, values))):
        return [_reject_non_finite(value, event) for value, event in zip(values, events, strict=True)]
    return events


def check_all(fields: Sequence[Mapping[str, object]], adapter: TypeAdapter[E]) -> list[E | InvalidPayment]:
    """Return the event that `adapter` validates from each mapping, or why it is invalid, in order."""
    return _validate_each(fields, adapter.validator.validate_python, lambda _, error: _explain_fields(error))


def excess(text: bytes, most_values: int) -> str:
    """Return why `text` is too large to parse; empty if it has at most MOST_BYTES and about `most_values` values."""
    if len(text) > MOST_BYTES:
        return f"it has more than {MOST_BYTES:,} bytes"
    if len(text) > most_values and sum(map(text.count, _SEPARATORS)) > most_values:
        return f"it has more than {most_values:,} commas, colons and brackets"
    return ""


def _check_size(value: bytes | None) -> InvalidPayment | None:
    if why := excess(value or b"", _MAX_VALUES):
        return InvalidPayment(reason="invalid_json", detail=f"the message is too large for a payment: {why}")
    return None


def _validate_each(
    values: Sequence[V], validate: Callable[[V], E], invalid: Callable[[V, ValidationError], InvalidPayment]
) -> list[E | InvalidPayment]:
    events: list[E | InvalidPayment] = []
    payments = map(validate, values)
    while len(events) < len(values):
        try:
            events.extend(payments)  # stops at the first invalid one, and keeps those before it
        except ValidationError as error:
            events.append(invalid(values[len(events)], error))
    return events


def _has_non_finite(text: bytes) -> bool:
    # single letters first: that search is ten times as fast, and no field name contains them
    return (b"N" in text or b"I" in text) and (b"NaN" in text or b"Infinity" in text)


def _reject_non_finite(value: bytes | None, event: E | InvalidPayment) -> E | InvalidPayment:
    # the validator accepts NaN and Infinity, which are not JSON, in fields that it ignores
    if value is None or isinstance(event, InvalidPayment) or not _has_non_finite(value):
        return event
    try:
        pydantic_core.from_json(value, allow_inf_nan=False)
    except ValueError:
        return InvalidPayment(
            reason="invalid_json", detail="a field has NaN or Infinity, which are not JSON: send null, or leave it out"
        )
    return event


def _explain(required: int, value: bytes | None, error: ValidationError) -> InvalidPayment:
    if value is None:
        return InvalidPayment(
            reason="tombstone", detail="the message has no value (null): send a payment as a JSON object"
        )
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if not value.strip():
        content = f"only white space ({len(value):,} bytes)" if value else "0 bytes"
        return InvalidPayment(reason="empty", detail=f"the value has {content}: send a payment as a JSON object")
    if first["type"] == "json_invalid":
        problem = first["msg"].removeprefix("Invalid JSON: ")
        detail = wire_formats.of_bytes(value, problem) or problem
        return InvalidPayment(reason="invalid_json", detail=detail[:_DETAIL_CHARACTERS])
    if not first["loc"]:
        return InvalidPayment(reason="not_an_object", detail=wire_formats.of_json(value))
    return _explain_envelope(required, value, error) or _explain_fields(error)


def _explain_envelope(required: int, value: bytes, error: ValidationError) -> InvalidPayment | None:
    if error.error_count() < required:
        return None
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    if any(problem["type"] != "missing" for problem in problems):
        return None
    detail = wire_formats.of_object(value)
    return InvalidPayment(reason="missing_field", detail=detail) if detail else None


def _explain_fields(error: ValidationError) -> InvalidPayment:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    missing = all(problem["type"] == "missing" for problem in problems)
    detail = "; ".join(f"{_place(problem['loc'])}: {problem['msg']}" for problem in problems)
    return InvalidPayment(reason="missing_field" if missing else "invalid_field", detail=detail[:_DETAIL_CHARACTERS])


def _place(keys: Sequence[int | str]) -> str:
    """Return the keys to a value, with dots between them."""
    return ".".join(map(str, keys))
