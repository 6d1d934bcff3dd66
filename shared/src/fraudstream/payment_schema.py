"""Schema of a payment: its declared fields, read from the text of a `payment.toml`. Pure.

docs/payment-schema.md describes the file for users. An error names the line, the key and how to fix it.
"""

import difflib
import hashlib
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fraudstream.errors import SchemaError

Type = Literal["integer", "number", "boolean", "text", "category", "time"]
TYPES: Sequence[Type] = get_args(Type)
MOST_FIELDS = 200
LONGEST = {"text": 256, "category": 64}
"""Characters of a text and of a category, unless `max_length` says otherwise."""
INTEGER_LIMIT = 2**63 - 1
RESERVED = frozenset(
    {
        "timestamp",
        "fraud_probability",
        "decision",
        "model_version",
        "partition",
        "offset",
        "reasons",
        "source_partition",
        "source_offset",
        "scored_at",
        "challenger_probability",
        "challenger_version",
        "features",
    }
)
"""Names in outputs that are ours."""
_MOST_CHARACTERS = 4_096
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_NUMERIC, _TEXTUAL = ("integer", "number"), ("text", "category")
_TABLE, _KEY = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]"), re.compile(r"""\s*("[^"]*"|'[^']*'|[\w.-]+)\s*=""")
_PATH_PART = re.compile(r'"((?:[^"\\]|\\.)+)"|([^".]+)')
_ROLES: Mapping[str, Sequence[Type]] = {
    "id": ("integer", "text"),
    "amount": ("integer", "number"),
    "time": ("time",),
    "key": ("integer", "text", "category"),
}
"""Roles of a field, and the types that it may have."""


class Feature(BaseModel):
    """Scale of a field in the model; an empty table lets the type decide."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    scale: Literal["linear", "log", "count"] | None = None
    period: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Length of the cycle, for a periodic field such as an hour."""
    risk: Literal["rising", "falling", "any"] = "any"
    """Direction in which the risk changes with the value, if known."""


class _FieldTable(BaseModel):
    """A `[fields.NAME]` table, as written."""

    model_config = ConfigDict(extra="forbid", strict=True)
    type: Type
    path: str | None = None
    min: int | float | None = None
    max: int | float | None = None
    above: int | float | None = None
    below: int | float | None = None
    max_length: int | None = Field(None, ge=1, le=_MOST_CHARACTERS)
    required: bool = True
    default: bool | int | float | str | None = None
    strict: bool = True
    feature: Feature | bool = False
    secret: bool = False
    index: bool = False
    words: str | None = Field(None, max_length=100)
    as_: str | None = Field(None, alias="as")
    timezone: str | None = None


class _File(BaseModel):
    """A `payment.toml`, as written."""

    model_config = ConfigDict(extra="forbid", strict=True)
    id: str
    amount: str | None = None
    time: str | None = None
    key: str | None = None
    fields: dict[str, _FieldTable] = Field(min_length=1, max_length=MOST_FIELDS)


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
    timezone: str
    """Time zone of a time's hour, by its IANA name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSchema:
    """The declared fields in their order, and the roles of some."""

    fields: Mapping[str, DeclaredField]
    id: str
    amount: str | None
    time: str | None
    key: str | None

    @property
    def layout_sha256(self) -> str:
        """Hash of the columns' names, types and order."""
        return _sha256([(one.column, one.type, one.secret) for one in self.fields.values()])

    @property
    def features_sha256(self) -> str:
        """Hash of the model's inputs: names, types and scales."""
        return _sha256([(one.name, one.type, one.feature.model_dump()) for one in self.features])

    @property
    def features(self) -> Sequence[DeclaredField]:
        """Fields that the model sees, in order."""
        return [one for one in self.fields.values() if one.feature is not None]


def parse(text: str, file: str) -> PaymentSchema:
    """Return the schema in `text`, the contents of `file`. Raises SchemaError, which lists each problem with its line.

    A number that is out of range is written as in TOML; `file` is only used in messages.
    """
    try:
        written = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SchemaError(f"{file}: {_toml_problem(str(error))}") from None
    lines = dict(_lines(text))
    try:
        contents = _File.model_validate(written)
    except ValidationError as error:
        problems = [_explain(problem) for problem in error.errors(include_url=False)]
    else:
        problems = [*_role_problems(contents), *_name_problems(contents)]
        for name, table in contents.fields.items():
            problems += [(("fields", name, key), problem) for key, problem in _field_problems(table)]
        if not problems:
            return _schema(contents)
    located = sorted((_line(lines, place), place, problem) for place, problem in problems)
    raise SchemaError(
        "; ".join(
            f"{file}, line {line}, {'.'.join(place)}: {problem}" if line else f"{file}, {'.'.join(place)}: {problem}"
            for line, place, problem in located
        )
    )


Place = tuple[str, ...]
Problem = tuple[Place, str]


def _schema(contents: _File) -> PaymentSchema:
    return PaymentSchema(
        fields={name: _field(name, table) for name, table in contents.fields.items()},
        id=contents.id,
        amount=contents.amount,
        time=contents.time,
        key=contents.key,
    )


def _field(name: str, table: _FieldTable) -> DeclaredField:
    feature = Feature() if table.feature is True else table.feature or None
    return DeclaredField(
        name=name,
        type=table.type,
        path=_path(table.path) or (name,),
        column=table.as_ or name,
        min=table.min,
        max=table.max,
        above=table.above,
        below=table.below,
        max_length=table.max_length or LONGEST.get(table.type, 0),
        required=table.required,
        default=table.default,
        strict=table.strict,
        feature=feature,
        secret=table.secret,
        index=table.index,
        words=table.words or f"{name.replace('_', ' ')} {{}}",
        timezone=table.timezone or "UTC",
    )


def _role_problems(contents: _File) -> Iterator[Problem]:
    for role, types in _ROLES.items():
        name = getattr(contents, role)
        if name is None:
            continue
        table = contents.fields.get(name)
        if table is None:
            yield (role,), f"no field is named {name!r}{_nearest(name, contents.fields)}"
        elif table.type not in types:
            yield (role,), f"{name} has type {table.type}, but must have type {' or '.join(types)}"
        elif role == "id" and table.secret:
            yield ("fields", name, "secret"), "the id can't be secret: it names the payment in every output"
        elif role == "id" and not table.required:
            yield ("fields", name, "required"), "the id is required in every payment"


def _name_problems(contents: _File) -> Iterator[Problem]:
    columns = Counter(table.as_ or name for name, table in contents.fields.items())
    paths = Counter(_path(table.path) or (name,) for name, table in contents.fields.items())
    for name, table in contents.fields.items():
        column, place = table.as_ or name, ("fields", name, *(("as",) if table.as_ else ()))
        if not _NAME.fullmatch(name):
            yield ("fields", name), "a name has letters, digits and _, does not begin with a digit, 64 at most; use path"
        elif not _NAME.fullmatch(column):
            yield place, "a name has letters, digits and _, does not begin with a digit, 64 at most"
        elif column in RESERVED or column.startswith("challenger_"):
            yield place, f'{column} is a column of the outputs: give the field another name there, as = "payment_{column}"'
        elif columns[column] > 1:
            yield place, f"two fields are named {column} in the outputs"
        path = _path(table.path)
        if table.path is not None and path is None:
            yield ("fields", name, "path"), 'keys are separated by dots, keys with dots are quoted: a."b.c"'
        elif paths[path or (name,)] > 1:
            yield ("fields", name, "path"), f"two fields are read from {'.'.join(path or (name,))}"


def _field_problems(table: _FieldTable) -> Iterator[tuple[str, str]]:  # noqa: C901 - one check per line
    limits = {key: getattr(table, key) for key in ("min", "max", "above", "below")}
    given = {key: limit for key, limit in limits.items() if limit is not None}
    for key, limit in given.items():
        if table.type not in _NUMERIC:
            yield key, f"only for types integer and number, not for {table.type}"
        elif not isfinite(limit) or (table.type == "integer" and limit != int(limit)):
            yield key, f"{limit} is not {'a whole' if table.type == 'integer' else 'a finite'} number"
        elif table.type == "integer" and abs(limit) > INTEGER_LIMIT:
            yield key, f"integers are within ±{INTEGER_LIMIT}"
    for low, high in (("min", "above"), ("max", "below")):
        if low in given and high in given:
            yield high, f"set {low} or {high}, not both"
    lowest, highest = given.get("min", given.get("above")), given.get("max", given.get("below"))
    if lowest is not None and highest is not None and lowest > highest:
        yield "max" if "max" in given else "below", f"{highest} is below the lowest value {lowest}"
    if table.max_length is not None and table.type not in _TEXTUAL:
        yield "max_length", f"only for types text and category, not for {table.type}"
    if table.timezone is not None and table.type != "time":
        yield "timezone", f"only for type time, not for {table.type}"
    elif table.timezone is not None and table.timezone not in available_timezones():
        yield "timezone", f"{table.timezone!r} is not a time zone; an IANA name such as Europe/Berlin"
    if table.default is not None:
        yield from (("default", problem) for problem in _default_problems(table))
    yield from (("feature", problem) for problem in _feature_problems(table))
    if table.words is not None and table.words.count("{}") > 1:
        yield "words", "{} stands for the value, and occurs once at most"


def _default_problems(table: _FieldTable) -> Iterator[str]:
    value, kind = table.default, table.type
    if table.required:
        yield "only for a field with required = false"
    fits = {
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "boolean": isinstance(value, bool),
        "text": isinstance(value, str),
        "category": isinstance(value, str),
        "time": False,
    }
    if not fits[kind]:
        yield "a time has no default" if kind == "time" else f"is not of type {kind}"
    elif isinstance(value, str):
        if len(value) > (table.max_length or LONGEST[kind]):
            yield "is longer than max_length"
    elif not isinstance(value, bool) and value is not None and not within(table, value):
        yield "is outside the field's range"


def within(limits: Any, value: float) -> bool:
    """Return whether `value` is in the range of `limits`: its min, max, above and below."""
    return (
        (limits.min is None or value >= limits.min)
        and (limits.max is None or value <= limits.max)
        and (limits.above is None or value > limits.above)
        and (limits.below is None or value < limits.below)
    )


def _feature_problems(table: _FieldTable) -> Iterator[str]:
    feature = table.feature
    if feature is False:
        return
    if table.type == "text":
        yield "a text is no feature: use type category if it has few values"
    if isinstance(feature, bool):
        return
    if feature.scale and feature.period:
        yield "set scale or period, not both"
    if (feature.scale or feature.period) and table.type not in _NUMERIC:
        yield f"scale and period are for types integer and number, not for {table.type}"
    lowest = table.min if table.min is not None else table.above
    if feature.scale in {"log", "count"} and (lowest is None or lowest < 0):
        yield f"scale {feature.scale} needs min = 0 or above = 0 at least"


def _path(text: str | None) -> Place | None:
    """Return the keys of a dotted path; None if it has none, or is not a path."""
    if text is None:
        return None
    keys, place = [], 0
    while found := _PATH_PART.match(text, place):
        keys.append(found[1] if found[1] is not None else found[2])
        place = found.end() + 1
        if found.end() == len(text):
            return tuple(keys)
        if text[found.end()] != ".":
            return None
    return None


def _explain(problem: Any) -> Problem:
    """Return the place in the file of one of pydantic's errors, and a message."""
    place, kind = tuple(str(key) for key in problem["loc"]), problem["type"]
    # a union's error names the alternative last
    place = tuple(key for key in place if key not in {"Feature", "bool", "int", "float", "str", "[key]"})
    if kind == "extra_forbidden":
        return place, f"is not a key here{_nearest(place[-1], _known_keys(place))}"
    if kind == "missing":
        return place, "is missing"
    return place, problem["msg"].replace("Input should be", "must be")


def _known_keys(place: Place) -> Sequence[str]:
    if place[0] != "fields":
        return list(_File.model_fields)
    model = Feature if "feature" in place[:-1] else _FieldTable
    return [one.alias or name for name, one in model.model_fields.items()]


def _nearest(name: str, known: Mapping[str, object] | Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(known)}"


def _lines(text: str) -> Iterator[tuple[Place, int]]:
    """Yield the line of each table and key."""
    table: Place = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if found := _TABLE.match(line):
            table = _path(found[1]) or (found[1],)
            yield table, number
        elif found := _KEY.match(line):
            yield (*table, *(_path(found[1]) or (found[1],))), number


def _line(lines: Mapping[Place, int], place: Place) -> int:
    """Return the line of `place`, or of the innermost table around it; 0 if there is none."""
    return next((lines[place[:length]] for length in range(len(place), 0, -1) if place[:length] in lines), 0)


def _toml_problem(text: str) -> str:
    """Return tomllib's message with the line in front."""
    found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", text)
    return f"line {found[2]}: {found[1]}" if found else text


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()


def zone(field: DeclaredField) -> ZoneInfo:
    """Return the time zone of a time's hour."""
    return ZoneInfo(field.timezone)
