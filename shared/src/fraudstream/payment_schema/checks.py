"""Rules between the keys of a `payment.toml`: roles, names, paths, ranges, defaults and features. Pure."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any
from zoneinfo import available_timezones

from fraudstream.payment_schema.explanations import nearest
from fraudstream.payment_schema.keys import dotted, parse_path
from fraudstream.payment_schema.schema import is_ours
from fraudstream.payment_schema.written import (
    CHALLENGER,
    INTEGER_LIMIT,
    LABEL,
    LIMITS,
    LONGEST,
    RESERVED,
    FieldTable,
    File,
    Problem,
    Type,
)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_NUMERIC, _TEXTUAL = ("integer", "number"), ("text", "category")
_LAX = (*_NUMERIC, "boolean")
_MOST_KEYS = 32
"""Of a path: validators are nested like it."""
_ROLES: Mapping[str, Sequence[Type]] = {
    "id": ("integer", "text"),
    "amount": ("integer", "number"),
    "time": ("time",),
    "key": ("integer", "text", "category"),
}
"""Roles of a field, and the types that it may have."""


def problems_of(contents: File) -> Iterator[Problem]:
    """Yield each problem with its place."""
    yield from _role_problems(contents)
    yield from _name_problems(contents)
    yield from _path_problems(contents)
    yield from _label_problems(contents)
    for name, table in contents.fields.items():
        yield from ((("fields", name, key), problem) for key, problem in _field_problems(table))


def _role_problems(contents: File) -> Iterator[Problem]:
    for role, types in _ROLES.items():
        name = getattr(contents, role)
        if name is None:
            continue
        table = contents.fields.get(name)
        if table is None:
            yield (role,), f"no field is named {name!r}{nearest(name, contents.fields)}"
        elif table.type not in types:
            yield (role,), f"{name} has type {table.type}, but must have type {' or '.join(types)}"
        elif role == "id" and table.secret:
            yield ("fields", name, "secret"), "the id can't be secret: it names the payment in every output"
        elif role == "amount" and table.secret:
            yield ("fields", name, "secret"), "the amount can't be secret: decisions are explained with it"
        elif role == "id" and not table.required:
            yield ("fields", name, "required"), "the id is required in every payment"


def _name_problems(contents: File) -> Iterator[Problem]:
    columns = Counter(_column(name, table) for name, table in contents.fields.items())
    for name, table in contents.fields.items():
        column, place = _column(name, table), ("fields", name, *(("as",) if table.as_ is not None else ()))
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
            yield place, f'two fields are named {column} in the outputs: give one another name there, as = "NAME"'


def _column(name: str, table: FieldTable) -> str:
    return name if table.as_ is None else table.as_


def is_reserved(column: str) -> bool:
    """Return whether a name is a column of the outputs beside the payment's."""
    return column in RESERVED or column.startswith(CHALLENGER)


def _path_problems(contents: File) -> Iterator[Problem]:
    paths = {name: parse_path(table.path) or (name,) for name, table in contents.fields.items()}
    counts, names = Counter(paths.values()), {path: name for name, path in paths.items()}
    for name, table in contents.fields.items():
        path, place = paths[name], ("fields", name, *(("path",) if table.path is not None else ()))
        outer = next((names[path[:length]] for length in range(1, len(path)) if path[:length] in names), None)
        if table.path is not None and parse_path(table.path) is None:
            yield place, 'keys are separated by dots, keys with dots are quoted: a."b.c"'
        elif counts[path] > 1:
            yield place, f"two fields are read from {dotted(path)}: remove one, or give it another path"
        elif outer is not None:
            yield place, f"is inside the value of field {outer}, which can't be an object: remove one of the two"
        elif len(path) > _MOST_KEYS:
            yield place, f"has {len(path)} keys, at most {_MOST_KEYS} are possible"
        elif taken := _taken(contents, name, path, paths):
            yield (
                place,
                f"is a name of the outputs, which use the field's own name instead; field {taken} has it as its path",
            )


def _label_problems(contents: File) -> Iterator[Problem]:
    label = parse_path(contents.label)
    if label is None:
        yield ("label",), 'keys are separated by dots, keys with dots are quoted: a."b.c"'
        return
    for name, table in contents.fields.items():
        path = parse_path(table.path) or (name,)
        shorter = min(len(path), len(label))
        if path[:shorter] == label[:shorter]:
            place = f"is read from {dotted(path)}, but {dotted(label)} is the label, the outcome in histories"
            yield ("fields", name), f'{place}: remove the field, or name another label, label = "NAME"'
        elif name == LABEL:
            yield ("fields", name), f"{LABEL} is the name of the outcome in histories: rename the field, and use path"


def _taken(contents: File, name: str, path: Sequence[str], paths: Mapping[str, Sequence[str]]) -> str | None:
    """Return the other field that is read from the name that this one has in records, if its path is a name of ours."""
    if not is_ours(path[0]):
        return None
    column = _column(name, contents.fields[name])
    return next((other for other, there in paths.items() if other != name and there[0] == column), None)


def _field_problems(table: FieldTable) -> Iterator[tuple[str, str]]:
    yield from _limit_problems(table)
    if table.max_length is not None and table.type not in _TEXTUAL:
        yield "max_length", f"only for types text and category, not for {table.type}"
    if not table.strict and table.type not in _LAX:
        yield "strict", f"only for types integer, number and boolean, not for {table.type}"
    if table.timezone is not None and table.type != "time":
        yield "timezone", f"only for type time, not for {table.type}"
    elif table.timezone is not None and table.timezone not in available_timezones() - {"localtime"}:
        yield "timezone", f"{table.timezone!r} is not a time zone; an IANA name such as Europe/Berlin"
    if table.default is not None:
        yield from (("default", problem) for problem in _default_problems(table))
    yield from (("feature", problem) for problem in _feature_problems(table))
    if table.words is not None and re.search(r"[{}]", table.words.replace("{}", "", 1)):
        yield "words", "{} is the value's place, and occurs once at most; other braces are not allowed"
    if table.words_if_zero is not None:
        yield from (("words_if_zero", problem) for problem in _zero_problems(table))


def _zero_problems(table: FieldTable) -> Iterator[str]:
    if table.type not in (*_NUMERIC, "boolean"):
        yield f"only for types integer, number and boolean, not for {table.type}"
    elif re.search(r"[{}]", table.words_if_zero or ""):
        yield "has no place for the value, which is 0: braces are not allowed"


def _limit_problems(table: FieldTable) -> Iterator[tuple[str, str]]:
    given = {key: getattr(table, key) for key in LIMITS if getattr(table, key) is not None}
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


def _default_problems(table: FieldTable) -> Iterator[str]:
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


def integer_range(limits: Any) -> tuple[int, int]:
    """Return the lowest and the highest valid integer of a field."""
    lowest, highest = -INTEGER_LIMIT, INTEGER_LIMIT
    if limits.min is not None or limits.above is not None:
        lowest = int(limits.min) if limits.min is not None else int(limits.above) + 1
    if limits.max is not None or limits.below is not None:
        highest = int(limits.max) if limits.max is not None else int(limits.below) - 1
    return max(lowest, -INTEGER_LIMIT), min(highest, INTEGER_LIMIT)


def _feature_problems(table: FieldTable) -> Iterator[str]:
    feature = table.feature
    if feature is False:
        return
    if table.secret and table.type != "category":
        yield "a model would hold the range of a secret field: of a category, it only sees whether it is missing"
    if table.type == "text":
        yield "a text can't be a feature: use type category if it has few values"
    if isinstance(feature, bool):
        return
    if feature.scale and feature.period:
        yield "set scale or period, not both"
    if (feature.scale or feature.period) and table.type not in _NUMERIC:
        yield f"scale and period are for types integer and number, not for {table.type}"
        return
    lowest = table.min if table.min is not None else table.above
    if feature.scale in {"log", "count"} and (lowest is None or lowest < 0):
        yield f"scale {feature.scale} needs min = 0 or above = 0 at least"
