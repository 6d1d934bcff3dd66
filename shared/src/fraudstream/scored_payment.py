"""A scored payment: its CSV row and its record, written in bulk and read back. Pure."""

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

# numbers that come again and again, in words
_SMALL = [str(number) for number in range(10_001)]
_TAILS = [f"{number:03d}" for number in range(1_000)]
_HEADS = [*(f"0.{tail}" for tail in _TAILS), "1.000"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Payments with their scores and their places in the input topic, column by column, all of one length.

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
    """JSON, by row number; of rows that are not here there are none."""
    challenger_probability: Sequence[float] = ()
    """Of each row, or of none."""
    challenger_version: str = ""

    def __len__(self) -> int:
        """How many payments."""
        return len(self.offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRow:
    """What a replay needs of a CSV row."""

    partition: int
    offset: int
    fraud_probability: float
    decision: str
    model_version: str


def stored_row(line: str) -> StoredRow:
    """Read one row of the CSV back. Raises ValueError where the line is none of ours."""
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
    """Scored payments in words: the CSV's columns in their order, then what only the topic carries.

    Each number becomes text once, for CSV and topic.
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
        """Each of `scored`, in order."""
        payments = scored.payments
        reasons = ["[]"] * len(scored)
        for number, words in scored.reasons.items():
            reasons[number] = words
        return cls(
            timestamp=list(map(Timestamps().__getitem__, scored.timestamp_ms)),
            payment_id=list(map(repr, payments.payment_id)),
            amount=list(map(repr, payments.amount)),
            country_risk_score=list(map(repr, payments.country_risk_score)),
            failed_logins=list(map(_SMALL.__getitem__, payments.failed_logins)),
            transaction_hour=list(map(_SMALL.__getitem__, payments.transaction_hour)),
            is_new_device=list(map(_SMALL.__getitem__, payments.is_new_device)),
            fraud_probability=_six_decimals(scored.fraud_probability),
            decision=scored.decision,
            model_version=scored.model_version,
            partition=list(map(repr, scored.partition)),
            offset=list(map(repr, scored.offset)),
            reasons=reasons,
            challenger=_challenger(scored),
        )

    def csv_lines(self) -> list[str]:
        """A line of the CSV for each, without its line end."""
        return list(map(",".join, zip(*self[:_CELLS], strict=True)))

    def csv_chunk(self) -> bytes:
        """All lines, each with its line end."""
        lines = self.csv_lines()
        return "\n".join([*lines, ""]).encode()

    def scored_values(self, scored_at: str) -> list[bytes]:
        """One JSON object for each, as `scored-payments` carries it."""
        columns = zip(*self, strict=True)
        return [
            f'{{"payment_id":{key},"amount":{amount},"country_risk_score":{risk},"failed_logins":{logins},'
            f'"transaction_hour":{hour},"is_new_device":{device},"fraud_probability":{score},'
            f'"decision":"{verdict}","model_version":"{model}","reasons":{why},'
            f'"source_partition":{place},"source_offset":{offset},"scored_at":"{scored_at}"{other}}}'.encode()
            for _, key, amount, risk, logins, hour, device, score, verdict, model, place, offset, why, other in columns
        ]


def _challenger(scored: Scored) -> list[str]:
    if not scored.challenger_probability:
        return [""] * len(scored)
    after = f',"challenger_version":"{scored.challenger_version}"'
    return [f',"challenger_probability":{text}{after}' for text in _six_decimals(scored.challenger_probability)]


def _six_decimals(probabilities: Sequence[float]) -> list[str]:
    """Each as `f"{probability:.6f}"` would write it, in half the time."""
    thousandths, rest = np.divmod(np.rint(np.multiply(probabilities, 1e6)).astype(np.int64), 1_000)
    return [_HEADS[head] + _TAILS[tail] for head, tail in zip(thousandths.tolist(), rest.tolist(), strict=True)]


REDUCED = "scored"
"""How the headers begin that describe what of a record's key and headers was too large for the topic."""
_TEXT_CHARACTERS = 500
MOST_VALUES = 2_000
"""Of a record's JSON, as `json_size` counts them."""

Text = Annotated[str, Field(max_length=_TEXT_CHARACTERS)]
Share = Annotated[float, Field(ge=0, le=1)]
Small = Annotated[int, Field(ge=0, lt=2**31)]
Large = Annotated[int, Field(ge=0, lt=2**63)]


@with_config(ConfigDict(allow_inf_nan=False))
class Reason(TypedDict):
    """A field that pushed the score up."""

    field: Text
    contribution: float
    text: Text


@with_config(ConfigDict(allow_inf_nan=False, extra="ignore"))
class ScoredPayment(TypedDict):
    """A record's value, as the scorer writes it."""

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
    """A scored payment, or None where another writer has put in something else."""
    if value is not None and len(value) > MOST_VALUES and excess(value, MOST_VALUES):
        return None
    try:
        return _validate(value)
    except ValidationError:
        return None
