"""Schema of a payment, and messages decoded into payments or the reason why they are invalid."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Annotated, NamedTuple, TypeVar

import pydantic_core
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict  # pydantic takes typing's from Python 3.12 on only

from fraudstream import wire_formats

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


class Payments(NamedTuple):
    """Payments as columns of equal length; fields as in Payment."""

    payment_id: Sequence[int]
    amount: Sequence[float]
    country_risk_score: Sequence[float]
    failed_logins: Sequence[int]
    transaction_hour: Sequence[int]
    is_new_device: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidPayment:
    """Explanation of an invalid message: a reason to filter by, and a detail that never quotes the message."""

    reason: str
    detail: str


PAYMENT = TypeAdapter(Payment)
"""Validator of payments; its `validator` has the methods of pydantic-core itself."""
_FIELDS = itemgetter(*Payments._fields)


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
    by_field = list(zip(*map(_FIELDS, payments), strict=True))
    return Payments(*by_field) if by_field else Payments((), (), (), (), (), ())


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
    if error.error_count() < len(Payments._fields):
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
