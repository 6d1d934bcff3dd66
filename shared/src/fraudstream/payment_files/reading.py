"""A table file read in batches of rows: its format is detected first, and every physical line is accounted for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from fraudstream.errors import PaymentFileError
from fraudstream.payment_files import decimals, header, json_lines, opening
from fraudstream.payment_files.delimited import DelimitedReader, split
from fraudstream.payment_files.header import Columns
from fraudstream.payment_files.opening import Opened
from fraudstream.payment_files.physical_lines import LONGEST_LINE, lines
from fraudstream.payment_files.problems import quoted
from fraudstream.payment_files.quoting import DELIMITERS
from fraudstream.payment_files.rows import LABEL, Batch, RowSchema

_DELIMITED = (".csv", ".tsv", ".txt")
_JSON = (".jsonl", ".ndjson")

Read = Callable[[int, Sequence[bytes]], Batch]
"""Returns the batch of consecutive lines, given the line number of the first one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file with its detected format."""

    detected: dict[str, str]
    """Fields for the log."""
    batches: Iterator[Batch]
    """Batches of some hundred KiB, in file order, with every line except the header. Raises PaymentFileError."""


@contextmanager
def opened(path: Path, schema: RowSchema) -> Iterator[Table]:
    """Open a file and detect its format. Raises PaymentFileError if it can't be read, or only by guessing."""
    in_json = is_json(path)
    with opening.opened(path) as content:
        parts = lines(content.chunks)
        if in_json:
            yield Table(detected=_describe(content), batches=_batches(partial(json_lines.read, schema), 1, parts))
        else:
            yield _open_delimited(path, schema, content, parts)


def count_lines(path: Path) -> int:
    """Return the approximate number of lines in the file. Raises PaymentFileError."""
    with opening.opened(path) as content:
        return sum(chunk.count(b"\n") for chunk in content.chunks)


def is_json(path: Path) -> bool:
    """Return whether the file is JSON Lines, by its name. Raises PaymentFileError for an unknown ending."""
    name = path.name.lower().removesuffix(".gz")
    if not name.endswith(_DELIMITED + _JSON):
        raise PaymentFileError(f"{path}: must end in .csv, .tsv, .txt, .jsonl or .ndjson, with or without .gz")
    return name.endswith(_JSON)


def _open_delimited(path: Path, schema: RowSchema, content: Opened, parts: Iterator[list[bytes]]) -> Table:
    number, line, rest = first_line(parts)
    if not number:
        wanted = header.listed(schema, schema.required)
        raise PaymentFileError(f"{path}: the file is empty; line 1 must name the columns {wanted}")
    columns = header.parse(f"{path}, line {number:,}", line, schema)
    sample = rest or next(parts, [])
    delimiter = columns.header.delimiter
    mark = decimals.mark(path, delimiter, _decimal_cells(schema, columns, number + 1, sample))
    reader = DelimitedReader(schema, columns, mark, path)
    before = Batch(lines=(), rows=(), values=(), rejected=(), blank=number - 1)
    return Table(
        detected=_describe(content) | {"delimiter": DELIMITERS[delimiter], "decimal_mark": decimals.MARKS[mark]},
        batches=chain([before], _batches(reader.read, number + 1, chain([sample], parts))),
    )


def first_line(parts: Iterator[list[bytes]]) -> tuple[int, bytes, list[bytes]]:
    """Return the number of the first line that is not blank, 0 if there is none, the line, and lines after it."""
    blank = 0
    for part in parts:
        for index, line in enumerate(part):
            if line.strip() or len(line) > LONGEST_LINE:
                return blank + index + 1, line, part[index + 1 :]
        blank += len(part)
    return 0, b"", []


def _decimal_cells(
    schema: RowSchema, columns: Columns, first: int, sample: Sequence[bytes]
) -> Iterator[tuple[str, str]]:
    """Yield the cells of numbers, each after the text that names it in errors."""
    names = [name for name in columns.places if name != LABEL and schema.fields[name].type == "number"]
    numbers, table, _, _ = split(columns.header, first, sample, shows_values=False)
    for number, row in zip(numbers, table, strict=True):
        for name in names:
            cell = row[columns.places[name]]
            value = "a value" if name in schema.secrets else quoted(cell.strip())
            yield f"line {number:,}, column {columns.header.names[columns.places[name]]}: {value}", cell


def _batches(read: Read, first: int, parts: Iterable[Sequence[bytes]]) -> Iterator[Batch]:
    for part in parts:
        yield read(first, part)
        first += len(part)


def _describe(content: Opened) -> dict[str, str]:
    return {"encoding": content.encoding, "compression": "gzip" if content.is_gzip else "none"}
