"""Rows of scored_payments as CSV, with the columns of the view `payments` and the cells of the scorers' CSV. Pure.

Values are formatted by their own types, and not only by those of the declared fields: an earlier schema may have had a
field with another type.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic_core import from_json

from archiver.definitions import AFTER, BEFORE, field_columns
from cli.archive.values import moment_text, reasons
from fraudstream.cell_text import csv_text
from fraudstream.payment_schema import DeclaredField, PaymentSchema
from fraudstream.secret_tokens import is_in_clear
from fraudstream.timestamps import Timestamps

_WRITE: Mapping[type, Callable[[Any], str]] = {
    str: csv_text,
    bool: {True: "true", False: "false"}.__getitem__,
    int: repr,
    float: repr,
    type(None): lambda _: "",
}


class ExportRows:
    """Rows of payments by one schema."""

    def __init__(self, schema: PaymentSchema) -> None:
        columns = dict(field_columns(schema))
        self._fields = list(columns.values())
        self._id = schema.id
        self.header_line = ",".join((*BEFORE, *columns, *AFTER)) + "\n"

    def text(self, rows: Sequence[Sequence[Any]]) -> str:
        """Return a line for each row, whose values are those of `pages`."""
        if not rows:
            return ""
        _, timestamps, ids, documents, *others = zip(*rows, strict=True)
        payments = from_json(f"[{','.join(documents)}]")
        columns = [
            map(Timestamps().__getitem__, timestamps),
            *(self._cells(field, payments, ids) for field in self._fields),
            *_scores(others),
        ]
        return "\n".join(map(",".join, zip(*columns, strict=True))) + "\n"

    def _cells(self, field: DeclaredField, payments: Sequence[Mapping[str, Any]], ids: Sequence[str]) -> Sequence[str]:
        if field.name == self._id:  # an earlier schema's id may have had another name
            values = [payment.get(field.column, id_) for payment, id_ in zip(payments, ids, strict=True)]
        else:
            values = [payment.get(field.column) for payment in payments]
        if field.secret:
            values = [None if is_in_clear(field, value) else value for value in values]
        elif field.type == "number":
            values = list(map(_decimal, values))
        return _cells(values)


def _scores(columns: Sequence[Sequence[Any]]) -> Iterator[Sequence[str]]:
    """Yield the cells of the columns AFTER the fields."""
    probability, decision, model, documents, scored_at, challenger_probability, challenger, *place = columns
    texts = {document: "; ".join(reasons(document)) for document in set(documents)}
    yield _probabilities(probability)
    yield _cells(decision)
    yield _cells(model)
    yield _cells([texts[document] for document in documents])
    yield list(map(moment_text, scored_at))
    yield _probabilities(challenger_probability)
    yield from map(_cells, (challenger, *place))


def _probabilities(values: Sequence[float | None]) -> Sequence[str]:
    """Return probabilities as scorers write them."""
    return ["" if value is None else f"{value:.6f}" for value in values]


def _cells(values: Sequence[Any]) -> Sequence[str]:
    return [_WRITE[type(value)](value) for value in values]


def _decimal(value: Any) -> Any:
    """Return a number as Postgres' JSON keeps it: a float, without the sign of zero; other values as they are."""
    return float(value) + 0.0 if type(value) in {int, float} else value
