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
from fraudstream.payment_files.header import Header
from fraudstream.payment_files.opening import Opened
from fraudstream.payment_files.physical_lines import LONGEST_LINE, lines
from fraudstream.payment_files.quoting import DELIMITERS
from fraudstream.payment_files.rows import DECIMALS, Batch, Schema

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
def opened(path: Path, schema: Schema) -> Iterator[Table]:
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


def _open_delimited(path: Path, schema: Schema, content: Opened, parts: Iterator[list[bytes]]) -> Table:
    blank, line, rest = _first_line(path, schema, parts)
    number = blank + 1
    parsed = header.parse(f"{path}, line {number:,}", line, schema)
    sample = rest or next(parts, [])
    mark = decimals.mark(path, parsed.delimiter, _decimal_cells(parsed, number + 1, sample))
    reader = DelimitedReader(schema, parsed, mark, path)
    before = Batch(lines=(), rows=(), values=(), rejected=(), blank=blank)
    return Table(
        detected=_describe(content) | {"delimiter": DELIMITERS[parsed.delimiter], "decimal_mark": decimals.MARKS[mark]},
        batches=chain([before], _batches(reader.read, number + 1, chain([sample], parts))),
    )


def _first_line(path: Path, schema: Schema, parts: Iterator[list[bytes]]) -> tuple[int, bytes, list[bytes]]:
    """Return the number of blank lines at the beginning, the first line that is not blank, and lines after it."""
    blank = 0
    for part in parts:
        for index, line in enumerate(part):
            if line.strip() or len(line) > LONGEST_LINE:
                return blank + index, line, part[index + 1 :]
        blank += len(part)
    raise PaymentFileError(f"{path}: the file is empty; line 1 must name the columns {', '.join(schema.columns)}")


def _decimal_cells(parsed: Header, first: int, sample: Sequence[bytes]) -> Iterator[tuple[int, str, str]]:
    numbers, table, _, _ = split(parsed, first, sample)
    for number, row in zip(numbers, table, strict=True):
        for name in parsed.places:
            if name in DECIMALS:
                yield number, name, row[parsed.places[name]]


def _batches(read: Read, first: int, parts: Iterable[Sequence[bytes]]) -> Iterator[Batch]:
    for part in parts:
        yield read(first, part)
        first += len(part)


def _describe(content: Opened) -> dict[str, str]:
    return {"encoding": content.encoding, "compression": "gzip" if content.is_gzip else "none"}
