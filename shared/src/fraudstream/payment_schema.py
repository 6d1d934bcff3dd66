"""Schema of a payment: its declared fields, read from the text of a `payment.toml`. Pure.

docs/payment-schema.md describes the file for users. An error names the line, the key and how to fix it.
"""

import difflib
import hashlib
import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
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
MOST_CHARACTERS = 4_096
"""The highest `max_length`."""
_LARGEST_FILE = 1 << 20
_MOST_LISTED = 20
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_NUMERIC, _TEXTUAL = ("integer", "number"), ("text", "category")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_KEY_PART = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_KEYS = rf"\s*({_KEY_PART}(?:\s*\.\s*{_KEY_PART})*)\s*"
_TABLE, _KEY = re.compile(rf"\s*\[\[?{_KEYS}\]"), re.compile(rf"{_KEYS}=")
_LONG_QUOTE = re.compile(r"\"{3}|'{3}")
_PATH_PART = re.compile(r'"((?:[^"\\]|\\.)*)"|([^".]+)', re.DOTALL)
_PATH_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_LIMITS = ("min", "max", "above", "below")
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
    max_length: int | None = Field(None, ge=1, le=MOST_CHARACTERS)
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

    `file` is only used in messages.
    """
    written = _load(text, file)
    try:
        contents = _File.model_validate(written)
    except ValidationError as error:
        # each alternative of a union has an error of its own
        explained = (_explain(problem) for problem in error.errors(include_url=False))
        problems = list(dict.fromkeys(problem for problem in explained if problem is not None))
    else:
        problems = [*_role_problems(contents), *_name_problems(contents)]
        for name, table in contents.fields.items():
            problems += [(("fields", name, key), problem) for key, problem in _field_problems(table)]
        if not problems:
            return _schema(contents)
    lines = dict(_lines(text))
    located = sorted((_line(lines, place), place, problem) for place, problem in problems)
    raise SchemaError(
        "; ".join(
            f"{file}, line {line}, {_dotted(place)}: {problem}" if line else f"{file}, {_dotted(place)}: {problem}"
            for line, place, problem in located
        )
    )


Place = tuple[str, ...]
Problem = tuple[Place, str]


def _load(text: str, file: str) -> dict[str, Any]:
    if len(text) > _LARGEST_FILE:
        raise SchemaError(f"{file}: has more than {_LARGEST_FILE:,} characters, too large for a payment.toml")
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise SchemaError(f"{file}, {_toml_problem(str(error), text)}") from None
    except RecursionError:
        raise SchemaError(f"{file}: arrays or tables are nested too deeply") from None
    except ValueError:
        # of int(): Python converts 4,300 digits at most
        raise SchemaError(f"{file}: a number has too many digits") from None


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
        min=_limit(table, table.min),
        max=_limit(table, table.max),
        above=_limit(table, table.above),
        below=_limit(table, table.below),
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


def _limit(table: _FieldTable, limit: float | None) -> float | None:
    # the validator of integers takes whole limits only: 1e3 is 1000
    return int(limit) if table.type == "integer" and limit is not None else limit


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
    for name, table in contents.fields.items():
        column, place = table.as_ or name, ("fields", name, *(("as",) if table.as_ else ()))
        if not _NAME.fullmatch(name):
            yield (
                ("fields", name),
                "a name has letters, digits and _, does not begin with a digit, 64 at most; use path",
            )
        elif not _NAME.fullmatch(column):
            yield place, "a name has letters, digits and _, does not begin with a digit, 64 at most"
        elif is_reserved(column):
            yield (
                place,
                f'{column} is a column of the outputs: give the field another name there, as = "payment_{column}"',
            )
        elif columns[column] > 1:
            yield place, f"two fields are named {column} in the outputs"
    yield from _path_problems(contents)


def is_reserved(column: str) -> bool:
    """Return whether a name in outputs is ours."""
    return column in RESERVED or column.startswith("challenger_")


def _path_problems(contents: _File) -> Iterator[Problem]:
    paths = {name: _path(table.path) or (name,) for name, table in contents.fields.items()}
    counts, names = Counter(paths.values()), {path: name for name, path in paths.items()}
    for name, table in contents.fields.items():
        path, place = paths[name], ("fields", name, *(("path",) if table.path is not None else ()))
        outer = next((names[path[:length]] for length in range(1, len(path)) if path[:length] in names), None)
        if table.path is not None and _path(table.path) is None:
            yield place, 'keys are separated by dots, keys with dots are quoted: a."b.c"'
        elif counts[path] > 1:
            yield place, f"two fields are read from {_dotted(path)}"
        elif outer is not None:
            yield place, f"is inside the value of field {outer}, which can't be an object: remove one of the two"


def _field_problems(table: _FieldTable) -> Iterator[tuple[str, str]]:
    yield from _limit_problems(table)
    if table.max_length is not None and table.type not in _TEXTUAL:
        yield "max_length", f"only for types text and category, not for {table.type}"
    if table.timezone is not None and table.type != "time":
        yield "timezone", f"only for type time, not for {table.type}"
    elif table.timezone is not None and table.timezone not in available_timezones() - {"localtime"}:
        yield "timezone", f"{table.timezone!r} is not a time zone; an IANA name such as Europe/Berlin"
    if table.default is not None:
        yield from (("default", problem) for problem in _default_problems(table))
    yield from (("feature", problem) for problem in _feature_problems(table))
    if table.words is not None and re.search(r"[{}]", table.words.replace("{}", "", 1)):
        yield "words", "{} is the value's place, and occurs once at most; other braces are not allowed"


def _limit_problems(table: _FieldTable) -> Iterator[tuple[str, str]]:
    given = {key: getattr(table, key) for key in _LIMITS if getattr(table, key) is not None}
    problems = {key: problem for key, limit in given.items() if (problem := _number_problem(table.type, limit))}
    yield from problems.items()
    for low, high in (("min", "above"), ("max", "below")):
        if low in given and high in given:
            yield high, f"set {low} or {high}, not both"
    lower, upper = "min" if "min" in given else "above", "max" if "max" in given else "below"
    if problems or lower not in given or upper not in given:
        return
    # whole numbers between two excluded ends are one fewer
    gap = (lower == "above") + (upper == "below") if table.type == "integer" else 0
    lowest, highest, is_open = given[lower], given[upper], lower == "above" or upper == "below"
    if lowest + gap > highest or (lowest == highest and is_open):
        yield upper, f"no value is possible with {lower} = {lowest}"


def _number_problem(kind: Type, value: float) -> str:
    """Return why a value is not a number of an integer or number field; empty if it is one."""
    if kind not in _NUMERIC:
        return f"only for types integer and number, not for {kind}"
    if kind == "integer" and isinstance(value, int):
        return f"integers are within ±{INTEGER_LIMIT}" if abs(value) > INTEGER_LIMIT else ""
    if not _is_finite(value) or (kind == "integer" and not float(value).is_integer()):
        # a large integer is not written out: it may have more digits than Python converts
        shown = value if isinstance(value, float) else "a number of more than 308 digits"
        return f"{shown} is not {'a whole' if kind == 'integer' else 'a finite'} number"
    return f"integers are within ±{INTEGER_LIMIT}" if kind == "integer" and abs(value) > INTEGER_LIMIT else ""


def _is_finite(value: float) -> bool:
    try:
        return isfinite(value)
    except OverflowError:
        return False


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
    elif not isinstance(value, bool) and value is not None:
        if problem := _number_problem(kind, value):
            yield problem
        elif not within(table, value):
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
    r"""Return the keys of a dotted path, in quotes with the escapes `\"` and `\\`; None if it is not a path."""
    if text is None:
        return None
    keys, place = [], 0
    while found := _PATH_PART.match(text, place):
        keys.append(_PATH_ESCAPE.sub(r"\1", found[1]) if found[1] is not None else found[2])
        place = found.end() + 1
        if found.end() == len(text):
            return tuple(keys)
        if text[found.end()] != ".":
            return None
    return None


def _explain(problem: Any) -> Problem | None:
    """Return the place in the file of one of pydantic's errors, and a message; None if another error has both."""
    place, kind, written = tuple(str(key) for key in problem["loc"]), problem["type"], problem["input"]
    key = place[2] if place[0] == "fields" and place[2:] else ""
    if key in _LIMITS:
        return place[:3], "must be a number"
    if key == "default":
        return place[:3], "must be true or false, a number, or a text"
    if key == "feature":
        if not isinstance(written, dict) and len(place) <= len(("fields", "name", "feature", "union")):
            return place[:3], 'must be true, false or a table such as { scale = "log" }'
        if place[3:] == ("bool",):
            return None
        place = (*place[:3], *place[4:])
    return place, _MESSAGES[kind](place, problem) if kind in _MESSAGES else _reworded(problem["msg"])


def _reworded(message: str) -> str:
    return message.replace("Input should", "must").replace("String should", "must")


def _extra(place: Place, _: Any) -> str:
    return f"is not a key here{_nearest(place[-1], _known_keys(place))}"


def _missing(place: Place, _: Any) -> str:
    return f"is missing: {_MISSING.get(place[-1], 'add it')}"


_MISSING = {
    "id": 'id = "NAME" names the field that identifies a payment',
    "fields": "declare each field in a table of its own, [fields.NAME]",
    "type": f"one of {', '.join(TYPES)}",
}
_MESSAGES: Mapping[str, Callable[[Place, Any], str]] = {
    "extra_forbidden": _extra,
    "missing": _missing,
    "bool_type": lambda *_: "must be true or false",
    "dict_type": lambda *_: "must be a table",
    "model_type": lambda *_: "must be a table",
    "string_type": lambda *_: "must be a text, in quotes",
    "string_too_long": lambda _, problem: f"has at most {problem['ctx']['max_length']} characters",
    "too_long": lambda *_: f"has at most {MOST_FIELDS} fields",
    "too_short": lambda *_: "has at least one field",
}
"""Messages by the type of pydantic's error; for the others its own is used."""


def _known_keys(place: Place) -> Sequence[str]:
    if place[0] != "fields":
        return list(_File.model_fields)
    model = Feature if "feature" in place[:-1] else _FieldTable
    return [one.alias or name for name, one in model.model_fields.items()]


def _nearest(name: str, known: Mapping[str, object] | Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    if near:
        return f"; did you mean {near[0]}?"
    listed = [*known][:_MOST_LISTED] + (["…"] if len(known) > _MOST_LISTED else [])
    return f"; there are {', '.join(listed)}"


def _dotted(place: Place) -> str:
    """Return keys as TOML writes them."""
    return ".".join(
        key if _BARE_KEY.fullmatch(key) else json.dumps(key, ensure_ascii=not key.isprintable()) for key in place
    )


def _lines(text: str) -> Iterator[tuple[Place, int]]:
    """Yield the line of each table and key; keys of inline tables have none of their own."""
    table: Place = ()
    open_quote = ""
    for number, line in enumerate(text.split("\n"), start=1):
        starts_inside = bool(open_quote)
        for quote in () if line.lstrip().startswith("#") and not open_quote else _LONG_QUOTE.findall(line):
            open_quote = "" if open_quote == quote else open_quote or quote
        if starts_inside:
            continue
        if found := _TABLE.match(line):
            table = _keys(found[1])
            yield table, number
        elif found := _KEY.match(line):
            yield (*table, *_keys(found[1])), number


def _keys(text: str) -> Place:
    """Return the keys of a dotted key of TOML."""
    keys: list[str] = []
    inner: Any = tomllib.loads(f"{text} = 0")
    while isinstance(inner, dict):
        ((key, inner),) = inner.items()
        keys.append(key)
    return tuple(keys)


def _line(lines: Mapping[Place, int], place: Place) -> int:
    """Return the line of `place`, or of the innermost table around it; 0 if there is none."""
    return next((lines[place[:length]] for length in range(len(place), 0, -1) if place[:length] in lines), 0)


def _toml_problem(message: str, text: str) -> str:
    """Return tomllib's message with the line in front."""
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", message, re.DOTALL)
    if found is None:
        return message
    line = found[2] or text.rstrip("\n").count("\n") + 1
    if re.match(r"Cannot (overwrite|declare|mutate)", found[1]):
        return f"line {line}: a key or table that occurs before: remove one of the two"
    return f"line {line}: {found[1]}"


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()


def zone(field: DeclaredField) -> ZoneInfo:
    """Return the time zone of a time's hour."""
    return ZoneInfo(field.timezone)
