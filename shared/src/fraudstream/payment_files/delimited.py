"""The rows of a delimited file. Pure."""

from collections.abc import Sequence

from fraudstream.errors import PaymentFileError
from fraudstream.payment import ID, InvalidPayment, check_all
from fraudstream.payment_files import decimals
from fraudstream.payment_files.header import Header
from fraudstream.payment_files.physical_lines import LONGEST_LINE
from fraudstream.payment_files.quoting import QuoteError, cells
from fraudstream.payment_files.rows import Batch, Rejected, Row, Schema, described, in_order, quoted


class DelimitedReader:
    """Reader of lines, given the file's header and decimal mark."""

    def __init__(self, schema: Schema, header: Header, decimal_mark: str, file: object) -> None:
        """Name `file` in error messages."""
        self._schema = schema
        self._header = header
        self._decimal_mark = decimal_mark
        self._file = file
        self._converters = decimals.converters(decimal_mark)

    def read(self, first: int, lines: Sequence[bytes]) -> Batch:
        """Return the batch of these lines; `first` is the line number of the first one.

        Raises PaymentFileError at a second header in another column order: the rows after it would be misread.
        """
        numbers, table, rejected, blank = split(self._header, first, lines)
        numbers_of_rows: list[int] = []
        rows: list[Row] = []
        events = check_all(self._fields(numbers, table), self._schema.adapter)
        for number, row, event in zip(numbers, table, events, strict=True):
            if isinstance(event, InvalidPayment):
                self._check_header(number, row)
                rejected.append(Rejected(line=number, reason=event.reason, detail=self._describe_row(row)))
            else:
                numbers_of_rows.append(number)
                rows.append(event)
        return Batch(lines=numbers_of_rows, rows=rows, values=(), rejected=in_order(rejected), blank=blank)

    def _check_header(self, number: int, row: Sequence[str]) -> None:
        names = [cell.strip() for cell in row]
        if sorted(names) == sorted(self._header.names) and names != list(self._header.names):
            raise PaymentFileError(
                f"{self._file}, line {number:,}: a second header, with its columns in another order: "
                "split the file there"
            )

    def _fields(self, numbers: Sequence[int], table: Sequence[Sequence[str]]) -> list[Row]:
        columns: dict[str, Sequence[object]] = {}
        new_id = self._schema.new_id
        if new_id is not None and ID not in self._header.places:
            columns[ID] = [new_id(number) for number in numbers]
        for name, place in self._header.places.items():
            columns[name] = list(map(self._converters[name], [row[place] for row in table]))
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return [_without_empty(row) if "" in row.values() else row for row in rows]

    def _describe_row(self, row: Sequence[str]) -> str:
        shown = {name: row[place].strip() for name, place in self._header.places.items()}
        for name, cell in shown.items():
            if isinstance(self._converters[name](cell), str):
                text = decimals.problem(cell, self._decimal_mark)
                if text:
                    return f"column {name}: {quoted(cell)} {text}"
        (fields,) = self._fields([1], [row])
        return described(self._schema, fields, shown)


def split(header: Header, first: int, lines: Sequence[bytes]) -> tuple[list[int], list[list[str]], list[Rejected], int]:
    """Return the rows' line numbers and cells, the lines that can't be split, and the number of blank lines."""
    numbers: list[int] = []
    table: list[list[str]] = []
    rejected: list[Rejected] = []
    blank = 0
    for number, line in enumerate(lines, first):
        try:
            row = _split_line(header, line)
        except ValueError as error:
            reason = "too_long" if len(line) > LONGEST_LINE else "invalid_csv"
            rejected.append(Rejected(line=number, reason=reason, detail=_describe_line(header, line, error)))
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


def _describe_line(header: Header, line: bytes, error: ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1} (0x{line[error.start]:02X}) is not UTF-8: save the file as UTF-8"
    if isinstance(error, QuoteError):
        name = header.names[error.cell] if error.cell < len(header.names) else f"{error.cell + 1}"
        return f"column {quoted(name)[1:-1]}: {quoted(error.text)}: {error}"
    return str(error)


def _without_empty(row: Row) -> Row:
    return {name: value for name, value in row.items() if value != ""}
