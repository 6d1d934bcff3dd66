"""The contents of a `payment.toml` as written: keys, types and defaults, without the rules between them. Pure."""

from collections.abc import Sequence
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Type = Literal["integer", "number", "boolean", "text", "category", "time"]
TYPES: Sequence[Type] = get_args(Type)
MOST_FIELDS = 200
LONGEST = {"text": 256, "category": 64}
"""The highest number of characters of a text and of a category without `max_length`."""
INTEGER_LIMIT = 2**63 - 1
CHALLENGER = "challenger_"
"""Beginning of names of ours."""
OURS = frozenset(
    {
        "fraud_probability",
        "decision",
        "model_version",
        "reasons",
        "source_partition",
        "source_offset",
        "scored_at",
        "challenger_probability",
        "challenger_version",
        "features",
    }
)
"""Members of a scored record beside the payment's, now or in a later release."""
RESERVED = OURS | {"timestamp", "partition", "offset"}
"""Columns of the outputs beside the payment's."""
LABEL = "is_fraud"
"""Name of the outcome in rows of a history, and the default of the key `label`."""
MOST_CHARACTERS = 4_096
"""The highest `max_length`."""
LIMITS = ("min", "max", "above", "below")
Place = tuple[str, ...]
"""Keys from the top of the file to a table or value."""
Problem = tuple[Place, str]


class Feature(BaseModel):
    """Scale of a field in the model; an empty table lets the type decide."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    scale: Literal["linear", "log", "count"] | None = None
    period: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None
    """Length of the cycle, for a periodic field such as an hour."""
    risk: Literal["rising", "falling", "any"] = "any"
    """Direction in which the risk changes with the value, if known."""


class FieldTable(BaseModel):
    """A `[fields.NAME]` table, as written."""

    model_config = ConfigDict(extra="forbid", strict=True)
    type: Type
    path: str | None = None
    min: int | float | None = None
    max: int | float | None = None
    above: int | float | None = None
    below: int | float | None = None
    max_length: Annotated[int | None, Field(ge=1, le=MOST_CHARACTERS)] = None
    required: bool = True
    default: bool | int | float | str | None = None
    strict: bool = True
    feature: Feature | bool = False
    secret: bool = False
    index: bool = False
    words: Annotated[str | None, Field(max_length=100)] = None
    words_if_zero: Annotated[str | None, Field(max_length=100)] = None
    as_: str | None = Field(None, alias="as")
    timezone: str | None = None


class File(BaseModel):
    """A `payment.toml`, as written."""

    model_config = ConfigDict(extra="forbid", strict=True)
    id: str
    amount: str | None = None
    time: str | None = None
    key: str | None = None
    label: str = LABEL
    passthrough: bool = False
    headers: Annotated[list[str], Field(max_length=MOST_FIELDS)] = []
    fields: dict[str, FieldTable] = Field(min_length=1, max_length=MOST_FIELDS)
