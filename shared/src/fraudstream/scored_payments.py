"""The scored topic's records as they are read back: any bytes in, a scored payment out, or none. Pure."""

from collections.abc import Callable
from typing import Annotated, Literal, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from fraudstream.json_size import excess

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
