"""A scored payment: its CSV row and its Kafka record, written in bulk and read back. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, NotRequired, Self

import numpy as np
from pydantic import ConfigDict, Field, ValidationError, with_config
from typing_extensions import TypedDict

from fraudstream.model.features import FEATURES
from fraudstream.payment import (
    FIELDS,
    ID,
    MESSAGE,
    Number,
    Payment,
    Payments,
    excess,
    fill,
    parse_template,
    texts,
    validator,
)
from fraudstream.timestamps import Timestamps

__all__ = ["COLUMNS", "HEADER", "Reason", "ScoredPayment", "StoredRow", "scored_payment", "stored_row"]

COLUMNS = ("timestamp", *FIELDS, "fraud_probability", "decision", "model_version", "partition", "offset")
"""Columns of the CSV."""
HEADER = ",".join(COLUMNS)
_RECORD = parse_template(
    '{head},"fraud_probability":{fraud_probability},"decision":"{decision}",'
    '"model_version":"{model_version}","reasons":{reasons},"source_partition":{partition},"source_offset":{offset},'
    '"scored_at":"{scored_at}"{challenger}}}'
)
"""A record in `scored-payments`; `head` is the received object without its last brace."""
_LATER = "features"
_CHALLENGER = "challenger_"

REDUCED = "scored"
"""Prefix of the headers that describe a record's key and headers if they were too large for the topic."""
DECLARED_ONLY = (f"{REDUCED}.fields", b"declared")
"""Header of a record with the declared fields only: the others could not be read, or were too large."""
REMOVALS = (RESERVED := "reserved", DOUBLED := "doubled", UNREADABLE := "unreadable", TOO_LARGE := "too_large")
"""Why fields of a received object are not in its scored record."""
_TEXT_CHARACTERS = 500
MOST_VALUES = 2_000
"""Limit on the values in a record's JSON, as `excess` counts them."""

Text = Annotated[str, Field(max_length=_TEXT_CHARACTERS)]
Share = Annotated[float, Field(ge=0, le=1)]
_SMALL_LIMIT = 2**31
Small = Annotated[int, Field(ge=0, lt=_SMALL_LIMIT)]
Large = Annotated[int, Field(ge=0, lt=2**63)]

# frequent numbers as text
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
    """A row of the CSV: its payment's id, its score, and the place of its payment."""

    payment_id: int
    partition: int
    offset: int
    fraud_probability: float
    decision: str
    model_version: str


def cells(line: bytes) -> dict[str, bytes]:
    """Return the cells of a CSV row by column. Raises ValueError if the line has more or fewer."""
    found = line.rstrip(b"\r\n").split(b",")
    if len(found) != len(COLUMNS):
        raise ValueError(f"{len(found)} cells instead of {len(COLUMNS)}")
    return dict(zip(COLUMNS, found, strict=True))


def stored_row(line: bytes) -> StoredRow:
    """Return one row of the CSV, parsed. Raises ValueError if the line was not written by us."""
    row = cells(line)
    return StoredRow(
        payment_id=int(row["payment_id"]),
        partition=int(row["partition"]),
        offset=int(row["offset"]),
        fraud_probability=float(row["fraud_probability"]),
        decision=row["decision"].decode(),
        model_version=row["model_version"].decode(),
    )


@dataclass(frozen=True, slots=True)
class Texts:
    """Scored payments as text, by column: those of the CSV, `reasons`, and `challenger`, the end of the record.

    Each number is formatted once, for CSV and topic.
    """

    columns: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, scored: Scored) -> Self:
        """Return `scored` formatted as text, in order."""
        reasons = ["[]"] * len(scored)
        for number, text in scored.reasons.items():
            reasons[number] = text
        return cls(
            {
                "timestamp": list(map(Timestamps().__getitem__, scored.timestamp_ms)),
                **texts(scored.payments),
                "fraud_probability": _format_scores(scored.fraud_probability),
                "decision": scored.decision,
                "model_version": scored.model_version,
                "partition": list(map(repr, scored.partition)),
                "offset": list(map(repr, scored.offset)),
                "reasons": reasons,
                "challenger": _format_challenger(scored),
            }
        )

    def csv_lines(self) -> list[str]:
        """Return a CSV line for each payment, without its line end."""
        return list(map(",".join, zip(*map(self.columns.__getitem__, COLUMNS), strict=True)))

    def csv_chunk(self) -> bytes:
        """Return all CSV lines, each with its line end."""
        lines = self.csv_lines()
        return "\n".join([*lines, ""]).encode()

    def scored_values(self, heads: Sequence[str], scored_at: str) -> list[bytes]:
        """Return a JSON object for each payment, the value of its record in `scored-payments`.

        It begins with the payment's object, which is in `heads` without the last brace.
        """
        columns = {**self.columns, "head": heads, "scored_at": [scored_at] * len(self.columns["offset"])}
        return fill(_RECORD, columns)

    def at(self, row: int) -> "Texts":
        """Return one payment."""
        return Texts({name: column[row : row + 1] for name, column in self.columns.items()})

    def declared(self) -> list[str]:
        """Return each payment as a JSON object of the declared fields."""
        return list(map(bytes.decode, fill(MESSAGE, self.columns)))


def _format_challenger(scored: Scored) -> list[str]:
    if not scored.challenger_probability:
        return [""] * len(scored)
    version = f',"challenger_version":"{scored.challenger_version}"'
    return [f',"challenger_probability":{text}{version}' for text in _format_scores(scored.challenger_probability)]


def _format_scores(probabilities: Sequence[float]) -> list[str]:
    """Return each probability as `f"{probability:.6f}"` formats it, in half the time."""
    first, last = np.divmod(np.rint(np.multiply(probabilities, 1e6)).astype(np.int64), 1_000)
    return [_FIRST_DIGITS[i] + _LAST_DIGITS[j] for i, j in zip(first.tolist(), last.tolist(), strict=True)]


@with_config(ConfigDict(allow_inf_nan=False))
class Reason(TypedDict):
    """A field that raised the score."""

    field: Text
    contribution: float
    text: Text


class ScoredPayment(Payment):
    """The value of a record in `scored-payments`, as the scorer writes it."""

    fraud_probability: Share
    decision: Literal["approve", "review", "block"]
    model_version: Text
    reasons: Annotated[list[Reason], Field(max_length=20)]
    source_partition: Small
    source_offset: Large
    scored_at: Text
    challenger_probability: NotRequired[Share]
    challenger_version: NotRequired[Text]


_OWN = (ScoredPayment.__annotations__.keys() | {_LATER}) - Payment.__annotations__.keys()


def is_ours(name: str) -> bool:
    """Return whether a member of a record in `scored-payments` with this name is ours, now or in a later release."""
    return name in _OWN or name.startswith(_CHALLENGER)


def _readable(name: str, number: Number) -> object:
    """Return the type of a payment's field in a record of any release.

    Ranges may have changed. A field that the model does not see may have been added since.
    """
    kind = float if number.type is float else Small if number.highest < _SMALL_LIMIT else Large
    return kind if name in {ID, *FEATURES} else NotRequired[kind]


_VALIDATOR = validator(
    {**ScoredPayment.__annotations__, **{name: _readable(name, number) for name, number in FIELDS.items()}},
    ConfigDict(allow_inf_nan=False, extra="ignore"),
)
_validate: Callable[[bytes | None], ScoredPayment] = _VALIDATOR.validator.validate_json  # type: ignore[assignment]


def scored_payment(value: bytes | None) -> ScoredPayment | None:
    """Return the scored payment in a value; None if another program wrote something else."""
    if value is not None and len(value) > MOST_VALUES and excess(value, MOST_VALUES):
        return None
    try:
        return _validate(value)
    except ValidationError:
        return None
