"""Single records and scored payments for tests; the product holds payments column by column."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isinf
from typing import Any, NamedTuple

from hypothesis import strategies as st

from fraudstream.payment import FIELDS, InvalidPayment, Number, Payment, check_all, columns, encode_all
from fraudstream.payment import PAYMENT as PAYMENT_TYPE
from fraudstream.scored_payment import Scored, Texts


def payment(**fields: float) -> Payment:
    """Return a payment with these fields; all others are 1."""
    made: Any = {name: number.type(1) for name, number in FIELDS.items()} | fields
    assert made.keys() == FIELDS.keys()
    return made  # type: ignore[no-any-return]


def numbered(number: int, **fields: float) -> Payment:
    """Return a payment whose fields, other than these, follow from its number."""
    usual = {
        "payment_id": number,
        "amount": 10.5 + number % 90,
        "country_risk_score": 0.25,
        "failed_logins": number % 7,
        "transaction_hour": number % 24,
        "is_new_device": number % 2,
    }
    return payment(**usual | fields)


def message(**fields: float) -> bytes:
    """Return the value of a message with a payment with these fields."""
    (value,) = encode_all(columns([payment(**fields)]))
    return value


def _numbers(number: Number) -> st.SearchStrategy[float]:
    if number.type is int:
        return st.integers(0, int(number.highest))
    return st.floats(0, None if isinf(number.highest) else number.highest, allow_infinity=False)


PAYMENT = payment(payment_id=7, amount=12.5, country_risk_score=0.25, transaction_hour=3, is_new_device=0)
payments = st.fixed_dictionaries({name: _numbers(number) for name, number in FIELDS.items()}).filter(
    lambda fields: not isinstance(check_all([fields], PAYMENT_TYPE)[0], InvalidPayment)
)
"""Any valid payments."""


@dataclass
class Record:
    """A record with the fields of Kafka's."""

    value: bytes | None = None
    offset: int = 5
    timestamp: int = 1_790_000_000_000
    timestamp_type: int = 0
    key: bytes | None = None
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)


class One(NamedTuple):
    """A payment with its score and its place in the input topic."""

    payment: Payment
    fraud_probability: float
    decision: str
    model_version: str
    timestamp_ms: int
    partition: int
    offset: int


def scored(ones: Sequence[One]) -> Scored:
    """Return the payments as columns."""
    return Scored(
        payments=columns(one.payment for one in ones),
        fraud_probability=[one.fraud_probability for one in ones],
        decision=[one.decision for one in ones],
        model_version=[one.model_version for one in ones],
        timestamp_ms=[one.timestamp_ms for one in ones],
        partition=[one.partition for one in ones],
        offset=[one.offset for one in ones],
    )


def csv_chunk(ones: Sequence[One]) -> bytes:
    """Return the payments' lines in the CSV."""
    return Texts.of(scored(ones)).csv_chunk()


def scored_values(ones: Sequence[One], scored_at: str = "2026-01-01T00:00:00.000Z") -> list[bytes]:
    """Return the payments' records in the scored topic."""
    texts = Texts.of(scored(ones))
    return texts.scored_values([one[:-1] for one in texts.declared()], scored_at)
