"""Scored payments of a schema: their CSV rows and their Kafka records, written in bulk and read back. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Annotated, Any, Literal, NamedTuple, NotRequired

import numpy as np
from pydantic import ConfigDict, Field, ValidationError, with_config
from typing_extensions import TypedDict

from fraudstream.csv_file.layout import SCORES, Layout
from fraudstream.payment import MOST_BYTES, PaymentFormat, Payments, excess
from fraudstream.payment_schema import DeclaredField, PaymentSchema, place
from fraudstream.payment_values import PaymentValues, Value
from fraudstream.secret_tokens import masked
from fraudstream.templates import fill, parse_template
from fraudstream.timestamps import Timestamps

__all__ = ["Reason", "Scored", "ScoredFormat", "ScoredPayment"]

_RECORD = parse_template(
    '{head},"fraud_probability":{fraud_probability},"decision":"{decision}",'
    '"model_version":"{model_version}","reasons":{reasons},"source_partition":{partition},"source_offset":{offset},'
    '"scored_at":"{scored_at}"{challenger}}}'
)
"""A record in `scored-payments`; `head` is the received object without its last brace."""

REDUCED = "scored"
"""Prefix of the headers that describe a record's key and headers if they were too large for the topic."""
DECLARED_ONLY = (f"{REDUCED}.fields", b"declared")
"""Header of a record with the declared fields only: the others could not be read, or were too large."""
REMOVALS = (RESERVED := "reserved", DOUBLED := "doubled", UNREADABLE := "unreadable", TOO_LARGE := "too_large")
"""Why fields of a received object are not in its scored record."""
_TEXT_CHARACTERS = 500
MOST_VALUES = 2_000
"""Limit on the values in the JSON of a received object that passes through, as `excess` counts them."""
_OWN_VALUES = 500
"""Of what is added to it: 20 reasons, each with a text of a hundred characters and a value, have most of them."""

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
    """With tokens in place of secret values."""
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


@dataclass(frozen=True, slots=True)
class Texts:
    """Scored payments as text, each number formatted once, for CSV and topic."""

    cells: Sequence[Sequence[str]]
    """The declared fields, by column of the CSV."""
    scores: Mapping[str, Sequence[str]]
    """The columns of the CSV that are ours, `reasons`, and `challenger`, the end of the record."""

    def csv_lines(self) -> list[str]:
        """Return a CSV line for each payment, without its line end."""
        scores = map(self.scores.__getitem__, SCORES)
        return list(map(",".join, zip(self.scores["timestamp"], *self.cells, *scores, strict=True)))

    def csv_chunk(self) -> bytes:
        """Return all CSV lines, each with its line end."""
        return "\n".join([*self.csv_lines(), ""]).encode()

    def scored_values(self, heads: Sequence[str], scored_at: str) -> list[bytes]:
        """Return a JSON object for each payment, the value of its record in `scored-payments`.

        It begins with the payment's object, which is in `heads` without the last brace.
        """
        return fill(_RECORD, {**self.scores, "head": heads, "scored_at": [scored_at] * len(heads)})

    def at(self, row: int) -> "Texts":
        """Return one payment."""
        return Texts(
            [column[row : row + 1] for column in self.cells],
            {name: column[row : row + 1] for name, column in self.scores.items()},
        )


class ScoredFormat:
    """Rows and records of the scored payments of a schema. Thread-safe."""

    def __init__(self, schema: PaymentSchema) -> None:
        self.schema = schema
        self.payment = PaymentFormat(schema)
        outside = masked(schema)
        self._shown = PaymentFormat(outside)
        self.layout = Layout.of(schema)
        placed = {name: replace(one, path=place(one)) for name, one in outside.fields.items()}
        self._declared = PaymentFormat(replace(outside, fields=placed))
        self._reader = _Reader(outside)

    def texts(self, scored: Scored) -> Texts:
        """Return `scored` formatted as text, in order."""
        reasons = ["[]"] * len(scored)
        for number, text in scored.reasons.items():
            reasons[number] = text
        return Texts(
            list(self._shown.cells(scored.payments).values()),
            {
                "timestamp": list(map(Timestamps().__getitem__, scored.timestamp_ms)),
                "fraud_probability": _format_scores(scored.fraud_probability),
                "decision": scored.decision,
                "model_version": scored.model_version,
                "partition": list(map(_Numbers().__getitem__, scored.partition)),
                "offset": list(map(repr, scored.offset)),
                "reasons": reasons,
                "challenger": _format_challenger(scored),
            },
        )

    def declared(self, payments: Payments) -> list[bytes]:
        """Return the object of each payment's declared fields, with the keys that its scored record has them at."""
        return self._declared.encode_all(payments)

    @property
    def most_values(self) -> int:
        """The highest number of values in a record's JSON, as `excess` counts them."""
        return self._reader.most_values

    def read(self, value: bytes | None) -> "ScoredPayment | None":
        """Return the scored payment in a record's value; None if another program wrote something else."""
        return self._reader.read(value)


class _Numbers(dict[int, str]):
    """Numbers as text; rows of one partition share theirs."""

    def __missing__(self, number: int) -> str:
        text = self[number] = repr(number)
        return text


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


class ScoredPayment(NamedTuple):
    """The value of a record in `scored-payments`; a tuple, as a frozen dataclass takes five times as long to make."""

    id: int | str
    fields: Mapping[str, Value | None]
    """The declared fields by name; None where the record has none, as it may be of an earlier schema."""
    fraud_probability: float
    decision: str
    model_version: str
    reasons: Sequence[Reason]
    source_partition: int
    source_offset: int
    scored_at: str
    challenger_probability: float | None
    challenger_version: str | None


class _Scores(TypedDict):
    fraud_probability: Share
    decision: Literal["approve", "review", "block"]
    model_version: Text
    reasons: Annotated[list[Reason], Field(max_length=20)]
    source_partition: Small
    source_offset: Large
    scored_at: Text
    challenger_probability: NotRequired[Share]
    challenger_version: NotRequired[Text]


_REQUIRED = itemgetter(*(name for name in _Scores.__annotations__ if name not in _Scores.__optional_keys__))
"""Members of a record that are always there, in the order of `ScoredPayment`."""


class _Reader:
    """Parser of records."""

    def __init__(self, schema: PaymentSchema) -> None:
        self._id = schema.id
        # each character of a text may be one that `excess` counts
        texts = sum(one.max_length for one in schema.fields.values() if not one.secret)
        self.most_values = MOST_VALUES + _OWN_VALUES + texts
        fields = {name: readable(one, required=name == schema.id) for name, one in schema.fields.items()}
        self._values = PaymentValues(replace(schema, fields=fields), _Scores.__annotations__)
        self._validate = self._values.adapter.validator.validate_json

    def read(self, value: bytes | None) -> ScoredPayment | None:
        if value is None or (len(value) > self.most_values and excess(value, self.most_values)):
            return None
        try:
            found: Any = self._validate(value)
        except ValidationError:
            return None
        fields = self._values.values(found)
        payment_id: Any = fields[self._id]
        scores: list[Any] = [*_REQUIRED(found), found.get("challenger_probability"), found.get("challenger_version")]
        return ScoredPayment(payment_id, fields, *scores)


def readable(one: DeclaredField, *, required: bool) -> DeclaredField:
    """Return the field as records of earlier schemas may have it: ranges change, and fields are added."""
    return replace(
        one,
        path=place(one),
        min=None,
        max=None,
        above=None,
        below=None,
        max_length=MOST_BYTES,
        required=required,
        strict=one.strict and not one.secret,
    )
