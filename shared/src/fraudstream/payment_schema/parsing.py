"""The text of a `payment.toml` parsed into a schema, or all its problems listed. Pure."""

import re
import tomllib
from typing import Any

from pydantic import ValidationError

from fraudstream.errors import SchemaError
from fraudstream.payment_schema.checks import problems_of
from fraudstream.payment_schema.explanations import explain
from fraudstream.payment_schema.keys import dotted, line_of, lines_of, parse_path
from fraudstream.payment_schema.schema import DeclaredField, PaymentSchema
from fraudstream.payment_schema.written import LABEL, LONGEST, Feature, FieldTable, File

LARGEST_FILE = 1 << 20
"""Characters of a file."""


def parse(text: str, file: str) -> PaymentSchema:
    """Return the schema in `text`, the contents of `file`. Raises SchemaError, which lists each problem with its line.

    `file` is only used in messages.
    """
    written = _load(text, file)
    try:
        contents = File.model_validate(written)
    except ValidationError as error:
        # each alternative of a union has an error of its own
        explained = (explain(problem) for problem in error.errors(include_url=False))
        problems = list(dict.fromkeys(problem for problem in explained if problem is not None))
    else:
        problems = list(problems_of(contents))
        if not problems:
            return _schema(contents)
    lines = dict(lines_of(text))
    located = sorted((line_of(lines, place), place, problem) for place, problem in problems)
    raise SchemaError(
        "; ".join(
            f"{file}, line {line}, {dotted(place)}: {problem}" if line else f"{file}, {dotted(place)}: {problem}"
            for line, place, problem in located
        )
    )


def _load(text: str, file: str) -> dict[str, Any]:
    if len(text) > LARGEST_FILE:
        raise SchemaError(f"{file}: has more than {LARGEST_FILE:,} characters, too large for a payment.toml")
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise SchemaError(f"{file}, {_toml_problem(str(error), text)}") from None
    except RecursionError:
        raise SchemaError(f"{file}: arrays or tables are nested too deeply") from None
    except ValueError:
        # of int(): Python converts 4,300 digits at most
        raise SchemaError(f"{file}: a number has too many digits") from None


_HINTS = {
    "Invalid value": ": a text is in straight quotes",
    "Illegal character '\\n'": ": a quote is closed on its own line",
}
"""Additions to messages of tomllib."""


def _toml_problem(message: str, text: str) -> str:
    """Return tomllib's message with the line in front."""
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", message, re.DOTALL)
    if found is None:
        return message
    line = found[2] or text.rstrip("\n").count("\n") + 1
    if re.match(r"Cannot (overwrite|declare|mutate)", found[1]):
        return f"line {line}: a key or table that occurs before: remove one of the two"
    return f"line {line}: {found[1]}{_HINTS.get(found[1], '')}"


def _schema(contents: File) -> PaymentSchema:
    return PaymentSchema(
        fields={name: _field(name, table) for name, table in contents.fields.items()},
        id=contents.id,
        amount=contents.amount,
        time=contents.time,
        key=contents.key,
        label=parse_path(contents.label) or (LABEL,),
        passthrough=contents.passthrough,
        headers=frozenset(contents.headers),
    )


def _field(name: str, table: FieldTable) -> DeclaredField:
    feature = Feature() if table.feature is True else table.feature or None
    return DeclaredField(
        name=name,
        type=table.type,
        path=parse_path(table.path) or (name,),
        column=table.as_ or name,
        min=_limit(table, table.min),
        max=_limit(table, table.max),
        above=_limit(table, table.above),
        below=_limit(table, table.below),
        max_length=table.max_length or LONGEST.get(table.type, 0),
        required=table.required,
        default=_default(table),
        strict=table.strict,
        feature=feature,
        secret=table.secret,
        index=table.index,
        words=table.words or f"{name.replace('_', ' ')} {{}}",
        words_if_zero=table.words_if_zero,
        timezone=table.timezone or "UTC",
    )


def _default(table: FieldTable) -> bool | float | str | None:
    # as the validator of numbers returns it: the text of 3 is 3.0 too
    is_whole = table.type == "number" and isinstance(table.default, int)
    return float(table.default) if is_whole and table.default is not None else table.default


def _limit(table: FieldTable, limit: float | None) -> float | None:
    # the validator of integers takes whole limits only: 1e3 is 1000
    return int(limit) if table.type == "integer" and limit is not None else limit
