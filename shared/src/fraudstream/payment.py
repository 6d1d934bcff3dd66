"""Schema of a payment: its fields, messages decoded into payments or the reason why they are invalid, and encoded."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from math import inf
from operator import itemgetter
from string import Formatter
from typing import Annotated, Any, NamedTuple, TypeVar, get_args

import pydantic_core
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict  # pydantic takes typing's from Python 3.12 on only

from fraudstream import wire_formats

__all__ = [
    "DECISIONS",
    "FIELDS",
    "InvalidPayment",
    "Payment",
    "Payments",
    "columns",
    "decode",
    "decode_all",
    "encode_all",
]

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

STRICT = ConfigDict(strict=True, allow_inf_nan=False, extra="ignore")
Amount = Annotated[float, Field(gt=0, le=1e12)]
Risk = Annotated[float, Field(ge=0, le=1)]
Logins = Annotated[int, Field(ge=0, le=10_000)]
Hour = Annotated[int, Field(ge=0, le=23)]
Flag = Annotated[int, Field(ge=0, le=1)]


@with_config(STRICT)
class Payment(TypedDict):
    """A payment on the wire. Types are strict: no strings for numbers, no booleans, no 3.0 for an integer, no NaN."""

    payment_id: Annotated[int, Field(ge=1, le=2**63 - 1)]
    amount: Amount
    country_risk_score: Risk
    failed_logins: Logins
    transaction_hour: Hour
    is_new_device: Flag


class Number(NamedTuple):
    """The type of a field, and its highest value."""

    type: type[int] | type[float]
    highest: float


def _number(hint: object) -> Number:
    kind, *limits = get_args(hint) or (hint,)
    highest = [getattr(limit, "le", inf) for field in limits for limit in field.metadata]
    return Number(kind, min(highest, default=inf))


FIELDS: Mapping[str, Number] = {name: _number(hint) for name, hint in Payment.__annotations__.items()}
"""All fields of a payment, in the order in which they are written. Outputs, files and tables derive from these."""
ID = "payment_id"
VALUES = tuple(name for name in FIELDS if name != ID)
"""The fields except the id."""
Payments = Mapping[str, Sequence[float]]
"""Payments as columns of equal length, by field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidPayment:
    """Explanation of an invalid message: a reason to filter by, and a detail that never quotes the message."""

    reason: str
    detail: str


def validator(fields: Mapping[str, object], config: ConfigDict = STRICT) -> TypeAdapter[Any]:
    """Return the validator of objects with fields of these types."""
    fields_type: Any = TypedDict("Fields", dict(fields))  # type: ignore[misc]  # of fields known at run time
    return TypeAdapter(with_config(config)(fields_type))


PAYMENT = TypeAdapter(Payment)
"""Validator of payments; its `validator` has the methods of pydantic-core itself."""
_ROW = itemgetter(*FIELDS)
# frequent numbers as text
_SMALL = [str(number) for number in range(10_001)]
_FORMATS: Mapping[str, Callable[[Any], str]] = {
    name: _SMALL.__getitem__ if number.type is int and number.highest < len(_SMALL) else repr
    for name, number in FIELDS.items()
}
JSON_FIELDS = ",".join(f'"{name}":{{{name}}}' for name in FIELDS)
"""Text for `parse_template`: the fields as part of a JSON object."""
Template = tuple[tuple[str, str | None], ...]
"""Literal texts, each with the column that follows it; None after the last one."""


def decode(value: bytes | None) -> Payment | InvalidPayment:
    """Return the payment in a message's value, or why it is invalid. The last of duplicate fields counts."""
    return decode_all([value])[0]


def decode_all(values: Sequence[bytes | None]) -> list[Payment | InvalidPayment]:
    """Return the payment in each value, or why it is invalid, in order.

    Messages are parsed one by one: parsing a joined batch is not faster (docs/performance.md), and a message's bytes
    could complete or split those of its neighbour.
    """
    return decode_each(values, PAYMENT)


def decode_each(values: Sequence[bytes | None], adapter: TypeAdapter[E]) -> list[E | InvalidPayment]:
    """Return the event that `adapter` parses from each value, or why it is invalid, in order."""
    if max(map(len, filter(None, values)), default=0) > _MAX_VALUES:
        return [_check_size(value) or _decode_each([value], adapter)[0] for value in values]
    return _decode_each(values, adapter)


def _decode_each(values: Sequence[bytes | None], adapter: TypeAdapter[E]) -> list[E | InvalidPayment]:
    # pydantic-core's own method: the Python wrapper doubles the cost; None is refused as invalid
    validate: Callable[[bytes | None], E] = adapter.validator.validate_json  # type: ignore[assignment]
    events = _validate_each(values, validate, _explain)
    if _has_non_finite(b"".join(filter(None, values))):
        return [_reject_non_finite(value, event) for value, event in zip(values, events, strict=True)]
    return events


def check_all(fields: Sequence[Mapping[str, object]], adapter: TypeAdapter[E]) -> list[E | InvalidPayment]:
    """Return the event that `adapter` validates from each mapping, or why it is invalid, in order."""
    return _validate_each(fields, adapter.validator.validate_python, lambda _, error: _explain_fields(error))


def columns(payments: Iterable[Mapping[str, object]]) -> Payments:
    """Return the payments as columns."""
    by_field = list(zip(*map(_ROW, payments), strict=True))
    return dict(zip(FIELDS, by_field or [()] * len(FIELDS), strict=True))


def texts(payments: Payments) -> dict[str, list[str]]:
    """Return the columns as text."""
    return {name: list(map(_FORMATS[name], column)) for name, column in payments.items()}


def encode_all(payments: Payments) -> list[bytes]:
    """Return the value of a message for each payment, in order."""
    return fill(MESSAGE, texts(payments))


def parse_template(text: str) -> Template:
    """Return `text`, split at each `{name of a column}`; parsed once, as `fill` is called for every batch."""
    return tuple((literal, name) for literal, name, _, _ in Formatter().parse(text))


MESSAGE = parse_template(f"{{{{{JSON_FIELDS}}}}}")


def fill(template: Template, columns: Mapping[str, Sequence[str]]) -> list[bytes]:
    """Return `template` for each row, with the row's text in place of each column's name.

    Joining columns takes half the time of formatting each row with `%`.
    """
    rows = len(next(iter(columns.values())))
    parts: list[Iterable[str]] = []
    for literal, name in template:
        parts.append(repeat(literal, rows))
        if name:
            parts.append(columns[name])
    return list(map(str.encode, map("".join, zip(*parts, strict=True))))


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
            reason="invalid_json", detail="Invalid JSON: a field has NaN or Infinity, which are not JSON"
        )
    return event


def _explain(value: bytes | None, error: ValidationError) -> InvalidPayment:
    if value is None:
        return InvalidPayment(reason="tombstone", detail="the message has no value")
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if not value.strip():
        return InvalidPayment(reason="empty", detail="the message's value is empty")
    if first["type"] == "json_invalid":
        detail = wire_formats.of_bytes(value, first["msg"]) or first["msg"]
        return InvalidPayment(reason="invalid_json", detail=detail[:_DETAIL_CHARACTERS])
    if not first["loc"]:
        detail = wire_formats.of_json(value) or "the message is JSON, but not an object"
        return InvalidPayment(reason="not_an_object", detail=detail)
    return _explain_envelope(value, error) or _explain_fields(error)


def _explain_envelope(value: bytes, error: ValidationError) -> InvalidPayment | None:
    if error.error_count() < len(FIELDS):
        return None
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    if any(problem["type"] != "missing" for problem in problems):
        return None
    detail = wire_formats.of_object(value)
    return InvalidPayment(reason="missing_field", detail=detail) if detail else None


def _explain_fields(error: ValidationError) -> InvalidPayment:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    missing = all(problem["type"] == "missing" for problem in problems)
    detail = "; ".join(f"{problem['loc'][0]}: {problem['msg']}" for problem in problems)
    return InvalidPayment(reason="missing_field" if missing else "invalid_field", detail=detail[:_DETAIL_CHARACTERS])
