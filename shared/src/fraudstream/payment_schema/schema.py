"""The schema of a payment: its fields, their roles, and the hashes of layout and features. Pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fraudstream.payment_schema.written import CHALLENGER, OURS, Feature, Type

_LAYOUT_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredField:
    """A field of a payment."""

    name: str
    type: Type
    path: tuple[str, ...]
    """Keys from the message's object to the value."""
    column: str
    """Name in outputs."""
    min: float | None
    max: float | None
    above: float | None
    below: float | None
    max_length: int
    required: bool
    default: bool | float | str | None
    strict: bool
    feature: Feature | None
    secret: bool
    index: bool
    words: str
    """Text of a reason, with `{}` in place of the value."""
    words_if_zero: str | None
    """Text of a reason for the value 0 or false; None: `words`."""
    timezone: str
    """Time zone of a time's hour, by its IANA name."""


def is_ours(name: str) -> bool:
    """Return whether a member of a record in `scored-payments` with this name is ours, now or in a later release."""
    return name in OURS or name.startswith(CHALLENGER)


def place(one: DeclaredField) -> tuple[str, ...]:
    """Return the keys to a field in a scored record: those in the message, unless they begin with a name of ours."""
    return (one.column,) if is_ours(one.path[0]) else one.path


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSchema:
    """The declared fields in their order, and the roles of some."""

    fields: Mapping[str, DeclaredField]
    id: str
    amount: str | None
    time: str | None
    key: str | None
    label: tuple[str, ...]
    """Keys of the outcome in a history; it is not a field."""
    passthrough: bool
    """Whether undeclared fields are in the scored records although there are secret ones."""
    headers: frozenset[str]
    """Names of the record headers that are passed through although there are secret fields."""

    @property
    def has_secrets(self) -> bool:
        """Whether a field is secret."""
        return any(one.secret for one in self.fields.values())

    @property
    def layout_sha256(self) -> str:
        """Hash of the columns' names, types and order."""
        return _sha256([(one.column, one.type, one.secret) for one in self.fields.values()])

    @property
    def layout(self) -> str:
        """Name of the layout in metrics and on the page: the first digits of its hash."""
        return self.layout_sha256[:_LAYOUT_DIGITS]

    @property
    def features_sha256(self) -> str:
        """Hash of the model's inputs: names, types and scales."""
        return _sha256([(one.name, one.type, one.feature.model_dump()) for one in self.features if one.feature])

    @property
    def features(self) -> Sequence[DeclaredField]:
        """Fields that the model sees, in order."""
        return [one for one in self.fields.values() if one.feature is not None]


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()
