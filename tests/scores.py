"""Single records and scored payments of the default schema for tests; the product holds payments column by column."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hypothesis import strategies as st

from fraudstream.payment import InvalidPayment
from fraudstream.payment_schema import DeclaredField, default_schema
from fraudstream.scored_payment import Scored, ScoredFormat

FORMAT = ScoredFormat(default_schema())
LAYOUT = FORMAT.layout
HEADER = LAYOUT.header_line.decode().removesuffix("\n")
FIELDS = FORMAT.schema.fields

Payment = dict[str, Any]


def payment(**fields: float) -> Payment:
    """Return a payment with these fields; all others are 1."""
    made: Payment = {name: 1.0 if one.type == "number" else 1 for name, one in FIELDS.items()} | fields
    assert made.keys() == FIELDS.keys()
    return made


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
    (value,) = FORMAT.payment.encode_all(FORMAT.payment.columns([payment(**fields)]))
    return value


def _values(one: DeclaredField) -> st.SearchStrategy[float]:
    assert one.max is not None
    return st.integers(0, int(one.max)) if one.type == "integer" else st.floats(0, one.max)


PAYMENT = payment(payment_id=7, amount=12.5, country_risk_score=0.25, transaction_hour=3, is_new_device=0)
payments = st.fixed_dictionaries({name: _values(one) for name, one in FIELDS.items()}).filter(
    lambda fields: not isinstance(FORMAT.payment.decode(message(**fields)), InvalidPayment)
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
        payments=FORMAT.payment.columns([one.payment for one in ones]),
        fraud_probability=[one.fraud_probability for one in ones],
        decision=[one.decision for one in ones],
        model_version=[one.model_version for one in ones],
        timestamp_ms=[one.timestamp_ms for one in ones],
        partition=[one.partition for one in ones],
        offset=[one.offset for one in ones],
    )


def csv_chunk(ones: Sequence[One]) -> bytes:
    """Return the payments' lines in the CSV."""
    return FORMAT.texts(scored(ones)).csv_chunk()


def scored_values(ones: Sequence[One], scored_at: str = "2026-01-01T00:00:00.000Z") -> list[bytes]:
    """Return the payments' records in the scored topic."""
    columns = scored(ones)
    heads = [value.decode().removesuffix("}") for value in FORMAT.declared(columns.payments)]
    return FORMAT.texts(columns).scored_values(heads, scored_at)
