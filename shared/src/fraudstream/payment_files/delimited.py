"""The rows of a delimited file. Pure."""

from collections.abc import Sequence

from fraudstream.errors import PaymentFileError
from fraudstream.payment import InvalidPayment, check_all
from fraudstream.payment_files import decimals
from fraudstream.payment_files.cell_values import converters
from fraudstream.payment_files.header import Columns, Header
from fraudstream.payment_files.physical_lines import LONGEST_LINE
from fraudstream.payment_files.problems import Place, described, in_order, quoted
from fraudstream.payment_files.quoting import QuoteError, cells
from fraudstream.payment_files.rows import LABEL, Batch, Rejected, Row, RowSchema


class DelimitedReader:
    """Reader of lines, given the file's columns and decimal mark."""

    def __init__(self, schema: RowSchema, columns: Columns, decimal_mark: str, file: object) -> None:
        """Name `file` in error messages."""
        self._schema = schema
        self._names = list(columns.header.names)
        self._header = columns.header
        self._places = columns.places
        self._decimal_mark = decimal_mark
        self._file = file
        self._converters = converters(schema, decimal_mark)

    def read(self, first: int, lines: Sequence[bytes]) -> Batch:
        """Return the batch of these lines; `first` is the line number of the first one.

        Raises PaymentFileError at a second header in another column order: the rows after it would be misread.
        """
        numbers, table, rejected, blank = split(self._header, first, lines, shows_values=not self._schema.secrets)
        numbers_of_rows: list[int] = []
        rows: list[Row] = []
        events = check_all(self._values(numbers, table), self._schema.cells)
        for number, cells_of_row, event in zip(numbers, table, events, strict=True):
            if isinstance(event, InvalidPayment):
                self._check_header(number, cells_of_row)
                rejected.append(self._reject(number, cells_of_row, event))
            else:
                numbers_of_rows.append(number)
                rows.append(event)
        rows_read = self._schema.of_cells(rows)
        return Batch(lines=numbers_of_rows, rows=rows_read, values=(), rejected=in_order(rejected), blank=blank)

    def _check_header(self, number: int, row: Sequence[str]) -> None:
        names = [cell.strip() for cell in row]
        if sorted(names) == sorted(self._names) and names != self._names:
            raise PaymentFileError(
                f"{self._file}, line {number:,}: a second header, with its columns in another order: "
                "split the file there"
            )

    def _values(self, numbers: Sequence[int], table: Sequence[Sequence[str]]) -> list[Row]:
        columns: dict[str, Sequence[object]] = {}
        identity, new_id = self._schema.identity, self._schema.new_id
        if new_id is not None and identity is not None and identity.name not in self._places:
            columns[identity.name] = list(map(new_id, numbers))
        for name, place in self._places.items():
            columns[name] = list(map(self._converters[name], [row[place] for row in table]))
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return [_without_empty(row) if "" in row.values() else row for row in rows]

    def _reject(self, number: int, row: Sequence[str], event: InvalidPayment) -> Rejected:
        for name, place in self._places.items():
            cell = row[place].strip()
            problem = decimals.problem(cell, self._decimal_mark) if self._is_no_number(name, cell) else None
            if problem:
                shown = f"column {self._title(name)}: " + ("" if name in self._schema.secrets else f"{quoted(cell)} ")
                return Rejected(
                    line=number, reason=event.reason, detail=f"{shown}{problem}", problem=f"{name}: {problem}"
                )
        (values,) = self._values([number], [row])

        def show(place: Place) -> str | None:
            (name,) = place
            if name not in self._places:
                return "" if name not in values else str(values[name])
            cell = row[self._places[name]].strip()
            return None if cell and name in self._schema.secrets else cell

        titles: dict[Place, str] = {(name,): self._title(name) for name in self._schema.columns}
        detail = described(self._schema.cells, values, show, titles)
        return Rejected(line=number, reason=event.reason, detail=detail, problem=event.detail)

    def _title(self, name: str) -> str:
        """Return the name in the header; that of the field if it has no column."""
        return self._names[self._places[name]] if name in self._places else name

    def _is_no_number(self, name: str, cell: str) -> bool:
        is_numeric = name == LABEL or self._schema.fields[name].type in {"integer", "number"}
        return is_numeric and isinstance(self._converters[name](cell), str)


def split(
    header: Header, first: int, lines: Sequence[bytes], *, shows_values: bool
) -> tuple[list[int], list[list[str]], list[Rejected], int]:
    """Return the rows' line numbers and cells, the lines that can't be split, and the number of blank lines.

    Values of a line that can't be split are in its detail only if `shows_values`.
    """
    numbers: list[int] = []
    table: list[list[str]] = []
    rejected: list[Rejected] = []
    blank = 0
    for number, line in enumerate(lines, first):
        try:
            row = _split_line(header, line)
        except ValueError as error:
            reason = "too_long" if len(line) > LONGEST_LINE else "invalid_csv"
            problem = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
            detail = _describe_line(header, line, error, shows_values=shows_values)
            rejected.append(Rejected(line=number, reason=reason, detail=detail, problem=problem))
        else:
            if row is None:
                blank += 1
            else:
                numbers.append(number)
                table.append(row)
    return numbers, table, rejected, blank


def _split_line(header: Header, line: bytes) -> list[str] | None:
    """Return the cells of the line; None if all are blank. Raises ValueError."""
    if b"\0" in line:
        raise ValueError("the line contains a NUL byte")
    if len(line) > LONGEST_LINE:
        raise ValueError(f"longer than {LONGEST_LINE:,} bytes")
    row = cells(line.decode(), header.delimiter)
    if len(row) == len(header.names) and row[0].strip():
        return row
    if not any(map(str.strip, row)):
        return None
    if len(row) != len(header.names):
        raise ValueError(f"{len(row)} cells, but the header has {len(header.names)} columns")
    return row


def _describe_line(header: Header, line: bytes, error: ValueError, *, shows_values: bool) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1} (0x{line[error.start]:02X}) is not UTF-8: save the file as UTF-8"
    if isinstance(error, QuoteError):
        name = header.names[error.cell] if error.cell < len(header.names) else f"{error.cell + 1}"
        value = f"{quoted(error.text)}: " if shows_values else ""
        return f"column {quoted(name)[1:-1]}: {value}{error}"
    return str(error)


def _without_empty(row: Row) -> Row:
    return {name: value for name, value in row.items() if value != ""}
