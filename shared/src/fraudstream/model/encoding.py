"""The encoding of a schema's features as numbers: learned from the history, stored with the model. Pure.

    number, integer   the value; missing: NaN
    boolean           0 or 1; missing: NaN
    time              hour of the day in the field's time zone, from 0 to below 24; missing: NaN
    category          code of its level: 0, 1, … by descending frequency; then the code of all other values, and that of
                      missing ones

An hour has its minutes as a fraction: a curve over the day then has no steps, and a tree may split between two hours.
"""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import repeat
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config

from fraudstream.arrays import Floats
from fraudstream.errors import ModelUnfitError, SchemaError
from fraudstream.payment_schema import MOST_FIELDS, DeclaredField, Feature, PaymentSchema, Type
from fraudstream.payment_values import Value

__all__ = ["HOURS", "EncodedField", "EncodedFields", "Encoding", "Kind"]

Kind = Literal["linear", "log", "count", "period", "flag", "category"]
"""Forms in which a model sees a value, from the field's type, `scale` and `period`."""

FEWEST_OF_A_LEVEL, SMALLEST_LEVEL_SHARE = 20, 0.001
"""A level has at least this number and this share of the history's payments; rarer values share one code."""
MOST_LEVELS, MOST_LEVELS_TOGETHER = 200, 500
"""Per field, and of all fields: they bound a model's columns and its manifest.

A regression on 100,000 payments takes 19 s and 1.6 GB with 500 levels, 160 s and 5 GB with 2,000.
"""
_LONGEST_LEVEL = 64
_DAY_MS, _HOUR_MS, _MINUTE_MS = 86_400_000.0, 3_600_000.0, 60_000.0
_LAST_MINUTE = 4_223_370_000
"""On December 30, 9999: the local time of a later one may be in the year 10000, which `datetime` lacks."""
HOURS = 24.0
"""Period of an hour of the day."""
_OTHER = 0
"""Key of the code of all values that are not levels; levels are texts, so it is not one of them."""


@with_config(ConfigDict(extra="forbid", strict=True))
@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedField:
    """A feature as it was when the model was trained; its constraints apply where it is read."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
    type: Type
    feature: Feature
    kind: Kind
    period: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Length of the cycle of a periodic feature, else 0."""
    may_be_missing: bool
    may_be_zero: bool
    """Whether a feature of kind `log` has the value 0, which has no logarithm."""
    timezone: str = "UTC"
    levels: Annotated[tuple[Annotated[str, Field(max_length=_LONGEST_LEVEL)], ...], Field(max_length=MOST_LEVELS)] = ()
    """Levels of a category, in the order of their codes."""

    def __post_init__(self) -> None:
        if len(set(self.levels)) < len(self.levels) or (self.levels and self.kind != "category"):
            raise ValueError("levels are different values of a category")
        if (self.kind == "period") != (self.period > 0.0):
            raise ValueError("a feature has a period above 0 if, and only if, it is of kind period")
        if self.timezone != "UTC" and self.timezone not in available_timezones():
            raise ValueError(f"{self.timezone!r} is not a time zone here")

    @property
    def codes(self) -> int:
        """Number of codes of a category: its levels, other values, missing ones."""
        return len(self.levels) + 2

    def accepts(self, value: float) -> bool:
        """Return whether `value` is the encoding of a valid one, as far as the model knows the field's range."""
        if math.isnan(value):
            return self.may_be_missing and self.kind != "category"
        lowest = {"log": 0.0, "count": 0.0, "flag": 0.0, "category": 0.0}.get(self.kind, -math.inf)
        highest = {"flag": 1.0, "category": self.codes - 1.0}.get(self.kind, math.inf)
        is_excluded = self.kind == "log" and not self.may_be_zero and value == 0.0
        return math.isfinite(value) and lowest <= value <= highest and not is_excluded

    @property
    def description(self) -> str:
        """The feature as text, with the properties that a schema must have in common with it."""
        return _description(self.name, self.type, self.feature)


EncodedFields = Annotated[tuple[EncodedField, ...], Field(min_length=1, max_length=MOST_FIELDS)]
_FIELDS = TypeAdapter(EncodedFields)
_FEW_ROWS = 64
"""Batches up to this size are faster as one array of columns than column by column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """The features of a model in order, and their values as numbers. Thread-safe."""

    fields: tuple[EncodedField, ...]
    _codes: Mapping[str, Mapping[object, float]] = field(init=False, repr=False, compare=False)
    """For each category the codes of its levels, and of None."""
    _has_numbers_only: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(set(self.names)) < len(self.fields):
            raise ValueError("two fields have the same name")
        codes = {
            one.name: {level: float(code) for code, level in enumerate((*one.levels, _OTHER, None))}
            for one in self.fields
            if one.kind == "category"
        }
        object.__setattr__(self, "_codes", codes)
        numbers = all(one.kind != "category" and one.type != "time" for one in self.fields)
        object.__setattr__(self, "_has_numbers_only", numbers)

    @classmethod
    def of(cls, schema: PaymentSchema, history: Mapping[str, Sequence[Value | None]]) -> Self:
        """Return the encoding for `schema`, with the levels of `history`: values by field, as of `PaymentValues`.

        A secret category has no levels, because they are readable in the manifest: the model only sees whether the
        value is missing. Raises SchemaError if the schema has no feature.
        """
        categories = [one.name for one in schema.features if one.type == "category"]
        counts = {name: Counter(history[name]) for name in categories}
        return cls.counted(schema, counts, max((len(history[name]) for name in categories), default=0))

    @classmethod
    def counted(cls, schema: PaymentSchema, counts: Mapping[str, Mapping[Any, int]], payments: int) -> Self:
        """Return the encoding as `of` does, from the counts of each category's values in a history of `payments`."""
        if not schema.features:
            raise SchemaError("no field of the payment schema is a feature: set feature = true for one at least")
        most = min(MOST_LEVELS, MOST_LEVELS_TOGETHER // max(1, len(counts)))
        fewest = max(FEWEST_OF_A_LEVEL, SMALLEST_LEVEL_SHARE * payments)
        levels = {name: _levels(found, fewest, most) for name, found in counts.items()}
        return cls(fields=tuple(_encoded(one, levels.get(one.name, ())) for one in schema.features))

    @classmethod
    def without_levels(cls, schema: PaymentSchema) -> Self:
        """Return the encoding for `schema` without a history: its categories have no levels. Raises SchemaError."""
        return cls.counted(schema, {}, 0)

    @classmethod
    def read(cls, stored: object) -> Self:
        """Return the encoding that `as_json` stored. Raises ModelUnfitError."""
        try:
            fields = _FIELDS.validate_json(json.dumps(stored))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, ("encoding", *first["loc"])))
            raise ModelUnfitError(f"the manifest's encoding is invalid ({where}: {first['msg']})") from None
        try:
            return cls(fields=fields)
        except ValueError as error:
            raise ModelUnfitError(f"the manifest's encoding is invalid (encoding: {error})") from None

    def as_json(self) -> list[dict[str, Any]]:
        """Return the value that `read` expects."""
        stored: list[dict[str, Any]] = _FIELDS.dump_python(self.fields, mode="json")
        return stored

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in the order of the matrix's columns."""
        return tuple(one.name for one in self.fields)

    def matrix(self, columns: Mapping[str, Sequence[Value | None]]) -> Floats:
        """Return the features of payments given as columns of equal length by field, shape (n, features)."""
        rows = len(columns[self.fields[0].name])
        if self._has_numbers_only and rows <= _FEW_ROWS:
            by_feature = np.array([columns[one.name] for one in self.fields], dtype=np.float64)
            return np.ascontiguousarray(by_feature.T)
        matrix = np.empty((rows, len(self.fields)))
        for number, one in enumerate(self.fields):
            matrix[:, number] = self._encode(one, columns[one.name])
        return matrix

    def _encode(self, one: EncodedField, values: Sequence[Value | None]) -> Floats:
        if one.kind == "category":
            return self.codes(one.name, values)
        # None becomes NaN
        numbers: Floats = np.fromiter(values, np.float64, len(values))
        return _hours(numbers, one.timezone) if one.type == "time" else numbers

    def codes(self, category: str, values: Sequence[object]) -> Floats:
        """Return the codes of values of a category."""
        codes = self._codes[category]
        return np.fromiter(map(codes.get, values, repeat(codes[_OTHER])), np.float64, len(values))

    def draw(self, rng: np.random.Generator, rows: int) -> Floats:
        """Return random valid values, shape (rows, features): a model is warmed up with them."""
        highest = [
            {"category": one.codes, "flag": 2.0, "period": one.period}.get(one.kind, 10.0) for one in self.fields
        ]
        return np.floor(rng.uniform(0.0, highest, (rows, len(highest)))) + [one.kind == "log" for one in self.fields]

    def check(self, schema: PaymentSchema) -> None:
        """Raise ModelUnfitError unless payments of `schema` have the features of this encoding; with both lists.

        Ranges and time zones may differ: the model keeps those of its training. The caller adds path and remedy.
        """
        for one in self.fields:
            if one.levels and one.name in schema.fields and schema.fields[one.name].secret:
                raise ModelUnfitError(f"the model holds values of {one.name}, which is secret in the schema now")
        own = [one.description for one in self.fields]
        declared = [_description(one.name, one.type, one.feature) for one in schema.features if one.feature]
        if own != declared:
            raise ModelUnfitError(
                f"the model was trained on {', '.join(own)}, but the payment schema has the features "
                f"{', '.join(declared) or 'none'}"
            )
        unknown = [
            one.name for one in self.fields if _may_be_missing(schema.fields[one.name]) and not one.may_be_missing
        ]
        if unknown:
            raise ModelUnfitError(
                f"the model was trained without missing values, but the payment schema does not require "
                f"{', '.join(unknown)}"
            )


def _may_be_missing(declared: DeclaredField) -> bool:
    return not declared.required and declared.default is None


def _description(name: str, kind: Type, feature: Feature) -> str:
    options = [
        *([f"scale {feature.scale}"] if feature.scale else []),
        *([f"period {feature.period:g}"] if feature.period else []),
        *([f"{feature.risk} risk"] if feature.risk != "any" else []),
    ]
    return f"{name} ({', '.join([kind, *options])})"


def _encoded(declared: DeclaredField, levels: tuple[str, ...]) -> EncodedField:
    feature = declared.feature or Feature()
    kind = _kind(declared, feature)
    return EncodedField(
        name=declared.name,
        type=declared.type,
        feature=feature,
        kind=kind,
        period=feature.period or (HOURS if kind == "period" else 0.0),
        may_be_missing=_may_be_missing(declared),
        may_be_zero=kind == "log" and declared.above is None and declared.min == 0,
        timezone=declared.timezone if declared.type == "time" else "UTC",
        levels=() if declared.secret else levels,
    )


def _kind(declared: DeclaredField, feature: Feature) -> Kind:
    if declared.type == "category":
        return "category"
    if declared.type == "time" or feature.period:
        return "period"
    if feature.scale:
        return feature.scale
    zero_or_one = declared.type == "integer" and declared.min == 0 and declared.max == 1
    return "flag" if declared.type == "boolean" or zero_or_one else "linear"


def _levels(counts: Mapping[Any, int], fewest: float, most: int) -> tuple[str, ...]:
    frequent = [
        (-count, value)
        for value, count in counts.items()
        if count >= fewest and isinstance(value, str) and len(value) <= _LONGEST_LEVEL
    ]
    return tuple(level for _, level in sorted(frequent)[:most])


def _hours(times_ms: Floats, timezone: str) -> Floats:
    """Return the hour of the day of each time, in milliseconds since 1970; NaN where it is NaN."""
    present = np.flatnonzero(~np.isnan(times_ms))
    times = times_ms[present]
    # since 1970 zones change their offset at whole minutes, except for Liberia in 1972
    minutes, places = np.unique(np.floor(times / _MINUTE_MS), return_inverse=True)
    offsets = np.array([_offset_ms(timezone, int(minute)) for minute in minutes.tolist()], dtype=np.float64)
    hours = np.full(len(times_ms), np.nan)
    hours[present] = (times + offsets[places]) % _DAY_MS / _HOUR_MS
    return hours


@lru_cache(maxsize=10_000)
def _offset_ms(timezone: str, minute: int) -> float:
    """Return the distance of local time from UTC in a minute, counted from 1970."""
    moment = datetime.fromtimestamp(60 * min(minute, _LAST_MINUTE), ZoneInfo(timezone))
    offset = moment.utcoffset()
    return 1_000.0 * offset.total_seconds() if offset else 0.0
