"""The columns of a CSV: the time of the payment, its declared fields, and ours; its rows, read back. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from fraudstream.cell_text import csv_text, split_cells
from fraudstream.payment_schema import PaymentSchema
from fraudstream.payment_values import Value

__all__ = ["FIRST", "SCORES", "Layout", "StoredRow"]

FIRST = ("timestamp",)
SCORES = ("fraud_probability", "decision", "model_version", "partition", "offset")
"""The last columns, in every layout."""

_FOUND = "found"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRow:
    """A row of the CSV: the cell of its payment's id, its score, and the place of its payment."""

    id: str
    """As in the cell, without quotes; empty if the file has no column with the name of the schema's id."""
    partition: int
    offset: int
    fraud_probability: float
    decision: str
    model_version: str
    declared: tuple[str, ...]
    """The cells of the declared fields, without quotes; none of a file with the columns of an earlier schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Columns of a CSV."""

    columns: tuple[str, ...]
    id_column: str
    sha256: str
    """Hash of the names, types and order of the declared fields; not known of a file that was found."""
    has_secrets: bool

    @classmethod
    def of(cls, schema: PaymentSchema) -> Self:
        """Return the layout for payments of `schema`."""
        declared = (one.column for one in schema.fields.values())
        return cls(
            columns=(*FIRST, *declared, *SCORES),
            id_column=schema.fields[schema.id].column,
            sha256=schema.layout_sha256,
            has_secrets=schema.has_secrets,
        )

    def found(self, header_line: bytes) -> "Layout | None":
        """Return the layout of a file with this first line, which may be an earlier one; None if it is not ours.

        With secrets it is an earlier one in any case: the names do not show which fields were secret.
        """
        if header_line == self.header_line and not self.has_secrets:
            return self
        columns = tuple(header_line.decode(errors="replace").rstrip("\r\n").split(","))
        is_ours = columns[:1] == FIRST and columns[-len(SCORES) :] == SCORES and header_line.endswith(b"\n")
        return Layout(columns=columns, id_column=self.id_column, sha256=_FOUND, has_secrets=False) if is_ours else None

    @property
    def header_line(self) -> bytes:
        """The first line of a file."""
        return ",".join(self.columns).encode() + b"\n"

    def cells(self, line: bytes) -> dict[str, str]:
        """Return the cells of a row by column. Raises ValueError if the line has more or fewer."""
        return dict(zip(self.columns, self._split(line), strict=True))

    def stored_row(self, line: bytes) -> StoredRow:
        """Return a row, parsed. Raises ValueError if the line was not written by us."""
        cells = self._split(line)
        payment_id = cells[self.columns.index(self.id_column)] if self.id_column in self.columns else ""
        return stored_row(cells, payment_id)

    def id_cell(self, payment_id: Value) -> str:
        """Return an id as `StoredRow.id` has it."""
        (cell,) = split_cells(csv_text(payment_id) if isinstance(payment_id, str) else str(payment_id))
        return cell

    def _split(self, line: bytes) -> Sequence[str]:
        found = split_cells(line.rstrip(b"\r\n").decode())
        if len(found) != len(self.columns):
            raise ValueError(f"{len(found)} cells instead of {len(self.columns)}")
        return found


def stored_row(cells: Sequence[str], payment_id: str = "", *, has_our_columns: bool = True) -> StoredRow:
    """Return the row with these cells, in any layout. Raises ValueError if the cells were not written by us."""
    fraud_probability, decision, model_version, partition, offset = cells[-len(SCORES) :]
    return StoredRow(
        id=payment_id,
        partition=int(partition),
        offset=int(offset),
        fraud_probability=float(fraud_probability),
        decision=decision,
        model_version=model_version,
        declared=tuple(cells[len(FIRST) : -len(SCORES)]) if has_our_columns else (),
    )
