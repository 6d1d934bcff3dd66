"""Single records and scored payments for tests; the product holds payments column by column."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from fraudstream.payment import Payment, columns
from fraudstream.scored_payment import Scored, Texts

PAYMENT = Payment(
    payment_id=7, amount=12.5, country_risk_score=0.25, failed_logins=1, transaction_hour=3, is_new_device=0
)


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
    return Texts.of(scored(ones)).scored_values(scored_at)
