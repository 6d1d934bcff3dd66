"""The fields that are read from a row, and a batch of lines: valid rows, rejected rows and blank lines. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import getitem, itemgetter
from typing import Annotated, Any

from pydantic import Field
from pydantic.functional_validators import BeforeValidator

from fraudstream.payment import Payments
from fraudstream.payment_schema import LABEL, DeclaredField, PaymentSchema
from fraudstream.payment_values import BOOLEANS, PaymentValues, validator

__all__ = ["LABEL", "Batch", "Rejected", "Row", "RowSchema", "columns", "known_payments", "line_ids", "payments"]

Row = Mapping[str, Any]
"""Values by field name, None where one is missing; times are epoch milliseconds. The label is 0 or 1 under LABEL."""
Path = tuple[str, ...]
NewId = Callable[[int], int | str]
"""Returns the id for a row without one, given its line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A physical line that is not a valid row; the file's first line is 1."""

    line: int
    reason: str
    detail: str
    """Problem with the value, shortened; without the value of a secret field."""
    problem: str
    """The same without any value, so that equal problems have equal texts."""

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


class RowSchema:
    """The fields that are read from each row, with the validators of a row's cells and of its JSON object."""

    def __init__(self, schema: PaymentSchema, *, new_id: NewId | None = None, label: Path | None = None) -> None:
        """Read all fields of `schema`, and the label too if its path is given.

        Without `new_id`, every row must have an id, if it is one of the fields.
        """
        self.fields, self.new_id, self.label = schema.fields, new_id, label
        self.identity = schema.fields.get(schema.id)
        fields = schema.fields.values()
        by_name = (replace(field, path=(field.name,)) for field in fields)
        self.cells = validator(by_name, {(LABEL,): _Outcome} if label else {})
        """Validator of cells by field name."""
        self.messages = validator(fields, {label: _Outcome} if label else {})
        """Validator of a JSON object, with its values at the fields' paths."""
        self.paths = {name: ".".join(field.path) for name, field in schema.fields.items()}
        self.columns = {name: _column_names(field) for name, field in schema.fields.items()}
        """Names that the column of each field may have; of the label, its path."""
        if label:
            self.columns[LABEL] = (".".join(label),)
        self.secrets = {field.name for field in fields if field.secret}
        self.has_optional = not all(field.required for field in fields)
        self._missing = {field.name: field.default for field in fields}
        self._values = PaymentValues(schema)
        self.required_members = self._values.required + (label is not None)
        """Number of members that a JSON object must have, an id included."""
        is_nested = any(field.path != (field.name,) for field in fields) or label not in {None, (LABEL,)}
        self._is_flat = not self.has_optional and not is_nested

    @property
    def required(self) -> Sequence[str]:
        """Columns that a delimited file must have: field names, and LABEL."""
        given = self.identity.name if self.identity is not None and self.new_id is not None else None
        return [name for name in self.columns if name != given and (name == LABEL or self.fields[name].required)]

    def of_cells(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Return the rows with these validated values by field name."""
        return [{**self._missing, **row} for row in rows] if self.has_optional else rows

    def of_messages(self, messages: Sequence[Mapping[str, Any]]) -> Sequence[Row]:
        """Return the rows of validated JSON objects."""
        if self._is_flat:
            return messages
        columns: dict[str, Sequence[object]] = dict(self._values.columns(messages))
        if self.label is not None:
            columns[LABEL] = [reduce(getitem, self.label, message) for message in messages]
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def payments(schema: PaymentSchema, new_id: NewId | None = None) -> RowSchema:
    """Return the rows of payments with all declared fields; `new_id` gives an id to a row without one."""
    return RowSchema(schema, new_id=new_id)


def known_payments(schema: PaymentSchema) -> RowSchema:
    """Return the rows of payments with known outcomes: the model's features, the amount, and the label."""
    read = {field.name for field in schema.features} | {schema.amount}
    fields = {name: field for name, field in schema.fields.items() if name in read}
    return RowSchema(replace(schema, fields=fields), label=schema.label)


def line_ids(schema: PaymentSchema) -> NewId:
    """Return the function from a line number to an id of the schema's type."""
    return str if schema.fields[schema.id].type == "text" else int


def columns(schema: PaymentSchema, rows: Sequence[Row]) -> Payments:
    """Return rows with all fields of the schema as columns."""
    values = itemgetter(*schema.fields) if len(schema.fields) > 1 else lambda row: (row[schema.id],)
    by_field = list(zip(*map(values, rows), strict=True)) or [()] * len(schema.fields)
    return dict(zip(schema.fields, by_field, strict=True))


def _column_names(field: DeclaredField) -> Path:
    return tuple(dict.fromkeys((field.name, ".".join(field.path), field.column)))


def _outcome(value: object) -> object:
    """Return the integer that a label means: 0, 1, true, false, or one of their texts."""
    if isinstance(value, str):
        value = BOOLEANS.get(value, value)
    return int(value) if isinstance(value, bool) else value


_Outcome = Annotated[int, Field(ge=0, le=1), BeforeValidator(_outcome)]
