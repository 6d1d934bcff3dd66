"""A scored payment: its CSV row and its Kafka record, written in bulk and read back. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, NamedTuple, NotRequired, Self

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from fraudstream.payment import Payments, excess
from fraudstream.timestamps import Timestamps

HEADER = (
    "timestamp,payment_id,amount,country_risk_score,failed_logins,transaction_hour,is_new_device,"
    "fraud_probability,decision,model_version,partition,offset"
)
_CELLS = HEADER.count(",") + 1

# frequent numbers as text
_SMALL = [str(number) for number in range(10_001)]
_LAST_DIGITS = [f"{number:03d}" for number in range(1_000)]
_FIRST_DIGITS = [*(f"0.{digits}" for digits in _LAST_DIGITS), "1.000"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Payments with their scores and their positions in the input topic, as columns of equal length.

    Probabilities have 6 decimals.
    """

    payments: Payments
    fraud_probability: Sequence[float]
    decision: Sequence[str]
    model_version: Sequence[str]
    timestamp_ms: Sequence[int]
    partition: Sequence[int]
    offset: Sequence[int]
    reasons: Mapping[int, str] = field(default_factory=dict)
    """JSON, by row number; rows without reasons are absent."""
    challenger_probability: Sequence[float] = ()
    """One for each row, or empty."""
    challenger_version: str = ""

    def __len__(self) -> int:
        """Return the number of payments."""
        return len(self.offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRow:
    """Columns of a CSV row that a replay needs."""

    partition: int
    offset: int
    fraud_probability: float
    decision: str
    model_version: str


def stored_row(line: str) -> StoredRow:
    """Return one row of the CSV, parsed. Raises ValueError if the line was not written by us."""
    cells = line.rstrip("\r\n").split(",")
    if len(cells) != _CELLS:
        raise ValueError("not a row of this file")
    return StoredRow(
        partition=int(cells[10]),
        offset=int(cells[11]),
        fraud_probability=float(cells[7]),
        decision=cells[8],
        model_version=cells[9],
    )


class Texts(NamedTuple):
    """Scored payments as text: the CSV's columns in their order, then the columns of the topic only.

    Each number is formatted once, for CSV and topic.
    """

    timestamp: Sequence[str]
    payment_id: Sequence[str]
    amount: Sequence[str]
    country_risk_score: Sequence[str]
    failed_logins: Sequence[str]
    transaction_hour: Sequence[str]
    is_new_device: Sequence[str]
    fraud_probability: Sequence[str]
    decision: Sequence[str]
    model_version: Sequence[str]
    partition: Sequence[str]
    offset: Sequence[str]
    reasons: Sequence[str]
    challenger: Sequence[str]

    @classmethod
    def of(cls, scored: Scored) -> Self:
        """Return `scored` formatted as text, in order."""
        payments = scored.payments
        reasons = ["[]"] * len(scored)
        for number, text in scored.reasons.items():
            reasons[number] = text
        return cls(
            timestamp=list(map(Timestamps().__getitem__, scored.timestamp_ms)),
            payment_id=list(map(repr, payments.payment_id)),
            amount=list(map(repr, payments.amount)),
            country_risk_score=list(map(repr, payments.country_risk_score)),
            failed_logins=list(map(_SMALL.__getitem__, payments.failed_logins)),
            transaction_hour=list(map(_SMALL.__getitem__, payments.transaction_hour)),
            is_new_device=list(map(_SMALL.__getitem__, payments.is_new_device)),
            fraud_probability=_format_scores(scored.fraud_probability),
            decision=scored.decision,
            model_version=scored.model_version,
            partition=list(map(repr, scored.partition)),
            offset=list(map(repr, scored.offset)),
            reasons=reasons,
            challenger=_format_challenger(scored),
        )

    def csv_lines(self) -> list[str]:
        """Return a CSV line for each payment, without its line end."""
        return list(map(",".join, zip(*self[:_CELLS], strict=True)))

    def csv_chunk(self) -> bytes:
        """Return all CSV lines, each with its line end."""
        lines = self.csv_lines()
        return "\n".join([*lines, ""]).encode()

    def scored_values(self, scored_at: str) -> list[bytes]:
        """Return one JSON object for each payment, the value of its record in `scored-payments`."""
        columns = zip(*self, strict=True)
        return [
            f'{{"payment_id":{key},"amount":{amount},"country_risk_score":{risk},"failed_logins":{logins},'
            f'"transaction_hour":{hour},"is_new_device":{device},"fraud_probability":{score},'
            f'"decision":"{verdict}","model_version":"{model}","reasons":{why},'
            f'"source_partition":{place},"source_offset":{offset},"scored_at":"{scored_at}"{other}}}'.encode()
            for _, key, amount, risk, logins, hour, device, score, verdict, model, place, offset, why, other in columns
        ]


def _format_challenger(scored: Scored) -> list[str]:
    if not scored.challenger_probability:
        return [""] * len(scored)
    version = f',"challenger_version":"{scored.challenger_version}"'
    return [f',"challenger_probability":{text}{version}' for text in _format_scores(scored.challenger_probability)]


def _format_scores(probabilities: Sequence[float]) -> list[str]:
    """Return each probability as `f"{probability:.6f}"` formats it, in half the time."""
    first, last = np.divmod(np.rint(np.multiply(probabilities, 1e6)).astype(np.int64), 1_000)
    return [_FIRST_DIGITS[i] + _LAST_DIGITS[j] for i, j in zip(first.tolist(), last.tolist(), strict=True)]


REDUCED = "scored"
"""Prefix of the headers that describe a record's key and headers if they were too large for the topic."""
_TEXT_CHARACTERS = 500
MOST_VALUES = 2_000
"""Limit on the values in a record's JSON, as `excess` counts them."""

Text = Annotated[str, Field(max_length=_TEXT_CHARACTERS)]
Share = Annotated[float, Field(ge=0, le=1)]
Small = Annotated[int, Field(ge=0, lt=2**31)]
Large = Annotated[int, Field(ge=0, lt=2**63)]


@with_config(ConfigDict(allow_inf_nan=False))
class Reason(TypedDict):
    """A field that raised the score."""

    field: Text
    contribution: float
    text: Text


@with_config(ConfigDict(allow_inf_nan=False, extra="ignore"))
class ScoredPayment(TypedDict):
    """The value of a record in `scored-payments`, as the scorer writes it."""

    payment_id: Large
    amount: float
    country_risk_score: float
    failed_logins: Small
    transaction_hour: Small
    is_new_device: Small
    fraud_probability: Share
    decision: Literal["approve", "review", "block"]
    model_version: Text
    reasons: Annotated[list[Reason], Field(max_length=20)]
    source_partition: Small
    source_offset: Large
    scored_at: Text
    challenger_probability: NotRequired[Share]
    challenger_version: NotRequired[Text]


_validate: Callable[[bytes | None], ScoredPayment] = TypeAdapter(ScoredPayment).validator.validate_json  # type: ignore[assignment]


def scored_payment(value: bytes | None) -> ScoredPayment | None:
    """Return the scored payment in a value; None if another program wrote something else."""
    if value is not None and len(value) > MOST_VALUES and excess(value, MOST_VALUES):
        return None
    try:
        return _validate(value)
    except ValidationError:
        return None
