"""The schema of a row, and a batch of lines: valid rows, rejected rows and blank lines. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from fraudstream.payment import FIELDS, PAYMENT, VALUES

LABEL = "is_fraud"
DECIMALS = tuple(name for name, number in FIELDS.items() if number.type is float)
"""Columns that accept decimal numbers."""
_SHOWN = 40
_DETAIL_CHARACTERS = 300

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The columns that a file must have, and the adapter that validates a row of them."""

    adapter: TypeAdapter[Any]
    columns: tuple[str, ...]
    new_id: Callable[[int], int] | None = None
    """Returns the payment_id for a line without one; None: payment_id is not a field of the row, and is ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A physical line that is not a valid row; the file's first line is 1."""

    line: int
    reason: str
    detail: str

    def __str__(self) -> str:
        return f"line {self.line:,}, {self.detail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Consecutive physical lines of a file: each is in `lines`, in `rejected`, or counted in `blank`."""

    lines: Sequence[int]
    """Line number of each row."""
    rows: Sequence[Row]
    values: Sequence[bytes]
    """Each row as JSON; empty unless the file is JSON Lines."""
    rejected: Sequence[Rejected]
    blank: int


def payments(new_id: Callable[[int], int]) -> Schema:
    """Return the schema of payments; `new_id` returns the payment_id for a line without one."""
    return Schema(adapter=PAYMENT, columns=VALUES, new_id=new_id)


def in_order(rejected: Iterable[Rejected]) -> list[Rejected]:
    """Return the rejected lines in file order."""
    return sorted(rejected, key=lambda row: row.line)


def described(schema: Schema, fields: Row, shown: Row) -> str:
    """Return the first problem of each field with column and value; `shown` has the values as in the file."""
    try:
        schema.adapter.validator.validate_python(fields)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        first = {str(problem["loc"][0]): problem["msg"] for problem in reversed(problems)}
        texts = [_describe(column, message, shown) for column, message in reversed(first.items())]
        return "; ".join(texts)[:_DETAIL_CHARACTERS]
    return "invalid"  # the caller has already detected a problem


def _describe(column: str, message: str, shown: Row) -> str:
    if shown.get(column, "") == "":
        return f"column {column}: no value"
    return f"column {column}: {quoted(shown[column])} {message.replace('Input should be', 'must be')}"


def quoted(value: object) -> str:
    """Return the value shortened, in quotes and in printable ASCII."""
    text = value if isinstance(value, str) else str(value)
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
