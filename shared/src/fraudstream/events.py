"""Bytes ⇄ events: a payment as it comes in, a scored payment as it goes out, and why a message is neither."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import pydantic_core
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict  # pydantic takes typing's from Python 3.12 on only

_DETAIL_CHARACTERS = 300


@with_config(ConfigDict(strict=True, allow_inf_nan=False, extra="ignore"))
class Payment(TypedDict):
    """A payment on the wire. Types are strict: no strings for numbers, no booleans, no 3.0 for an integer, no NaN."""

    payment_id: Annotated[int, Field(ge=1, le=2**63 - 1)]
    amount: Annotated[float, Field(gt=0, le=1e12)]
    country_risk_score: Annotated[float, Field(ge=0, le=1)]
    failed_logins: Annotated[int, Field(ge=0, le=10_000)]
    transaction_hour: Annotated[int, Field(ge=0, le=23)]
    is_new_device: Annotated[int, Field(ge=0, le=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidPayment:
    """Why a message can't be scored: a reason to filter by, and a detail that never quotes the message."""

    reason: str
    detail: str


_PAYMENT = TypeAdapter(Payment)


def decode(value: bytes | None) -> Payment | InvalidPayment:
    """One message's value → a payment, or why it is none. A field given twice: the last one counts."""
    if value is None:
        return InvalidPayment(reason="tombstone", detail="the message has no value")
    try:
        payment = _PAYMENT.validate_json(value)
    except ValidationError as error:
        return _invalid(value, error)
    if b"NaN" in value or b"Infinity" in value:
        return _strictly(value, payment)
    return payment


def decode_all(values: Iterable[bytes | None]) -> list[Payment | InvalidPayment]:
    """Each value's payment or why it is none, in order.

    Message by message on purpose: parsing a joined batch is no faster (docs/performance.md), and a message's bytes
    could complete or split those of its neighbour.
    """
    return [decode(value) for value in values]


def _strictly(value: bytes, payment: Payment) -> Payment | InvalidPayment:
    # the validator lets NaN and Infinity, which are no JSON, pass in fields that it ignores
    try:
        pydantic_core.from_json(value, allow_inf_nan=False)
    except ValueError as error:
        return InvalidPayment(reason="invalid_json", detail=str(error)[:_DETAIL_CHARACTERS])
    return payment


def _invalid(value: bytes, error: ValidationError) -> InvalidPayment:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    first = problems[0]
    if not value.strip():
        return InvalidPayment(reason="empty", detail="the message's value is empty")
    if first["type"] == "json_invalid":
        return InvalidPayment(reason="invalid_json", detail=first["msg"][:_DETAIL_CHARACTERS])
    if not first["loc"]:
        return InvalidPayment(reason="not_an_object", detail="the message is JSON, but no object")
    missing = all(problem["type"] == "missing" for problem in problems)
    detail = "; ".join(f"{problem['loc'][0]}: {problem['msg']}" for problem in problems)
    return InvalidPayment(reason="missing_field" if missing else "invalid_field", detail=detail[:_DETAIL_CHARACTERS])
