"""The header of a delimited file: its delimiter, and the position of each column. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fraudstream.errors import PaymentFileError
from fraudstream.payment_files.physical_lines import LONGEST_LINE
from fraudstream.payment_files.problems import quoted
from fraudstream.payment_files.quoting import DELIMITERS, QuoteError, cells
from fraudstream.payment_files.rows import RowSchema

_NAMES_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The columns of a file."""

    delimiter: str
    names: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The header of a file, and where the columns that are read are."""

    header: Header
    places: Mapping[str, int]
    """Position in a row of each field, and of the label, by name."""


def split(place: str, line: bytes, rank: Callable[[Sequence[str]], int]) -> Header:
    """Return the names in `line`, split by the delimiter whose names have the highest rank.

    `place` names file and line in errors. Raises PaymentFileError.
    """
    text = _decode(place, line)
    by_delimiter = {delimiter: _split(text, delimiter) for delimiter in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda mark: rank(by_delimiter[mark] or ()))
    names = by_delimiter[delimiter]
    if names is None:
        raise PaymentFileError(f"{place}: a quote in the header is not closed, or does not enclose a whole name")
    return Header(delimiter=delimiter, names=names)


def parse(place: str, line: bytes, schema: RowSchema) -> Columns:
    """Return the columns in `line`; `place` names file and line in errors. Raises PaymentFileError."""
    header = split(place, line, lambda names: len(find(schema, names)))
    places = find(schema, header.names)
    missing = [name for name in schema.required if name not in places]
    if missing:
        found = f"with {DELIMITERS[header.delimiter]} as delimiter: {_shown(header.names, places, schema)}"
        raise PaymentFileError(
            f"{place}: no column {listed(schema, missing)} (found, {found}; comma, semicolon and tab are supported)"
        )
    check_names(place, header.names)
    return Columns(header=header, places=places)


def find(schema: RowSchema, names: Sequence[str]) -> dict[str, int]:
    """Return the position of each field that has a column.

    Its column has the field's name; otherwise its path, or its name in outputs, unless this is another field's column.
    Where the name is the path of another field, the path is before the name.
    """
    positions = {name: position for position, name in reversed(list(enumerate(names)))}
    paths = {path: field for field, path in schema.paths.items()}
    found = {
        field: positions[path]
        for field, path in schema.paths.items()
        if path in positions and paths.get(field, field) != field
    }
    for rank in range(max(map(len, schema.columns.values()), default=0)):
        for field, wanted in schema.columns.items():
            position = positions.get(wanted[rank]) if rank < len(wanted) and field not in found else None
            if position is not None and position not in found.values():
                found[field] = position
    return {field: found[field] for field in schema.columns if field in found}


def check_names(place: str, names: Sequence[str]) -> None:
    """Raise PaymentFileError if two columns have the same name."""
    positions: dict[str, int] = {}
    for position, name in enumerate(names, 1):
        first = positions.setdefault(name, position)
        if name and first != position:
            raise PaymentFileError(
                f"{place}: two columns {quoted(name)}, numbers {first} and {position}: rename or remove one"
            )


def listed(schema: RowSchema, names: Sequence[str]) -> str:
    """Return the first names of columns, each with its other names."""
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(_all_names(*schema.columns[name]) for name in names[:_NAMES_SHOWN]) + more


def _all_names(first: str, *others: str) -> str:
    return f"{first} ({' or '.join(others)})" if others else first


def _shown(names: Sequence[str], places: Mapping[str, int], schema: RowSchema) -> str:
    if schema.secrets and not places:
        return f"{len(names)} names, none of them of a field"  # in a file without a header, these are values
    return ", ".join(quoted(name) for name in names[:_NAMES_SHOWN])


def _decode(place: str, line: bytes) -> str:
    if len(line) > LONGEST_LINE:
        raise PaymentFileError(f"{place}: longer than {LONGEST_LINE:,} bytes, too long for a header")
    if b"\0" in line:
        raise PaymentFileError(
            f"{place}: NUL bytes in the header (UTF-16 without a byte order mark?): save the file as UTF-8"
        )
    if line.lstrip().startswith((b"{", b"[")):
        raise PaymentFileError(f"{place}: JSON, not a header: the name of a JSON Lines file ends in .jsonl")
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise PaymentFileError(
            f"{place}: the header is not UTF-8 (byte {error.start + 1}): save the file as UTF-8"
        ) from None


def _split(text: str, delimiter: str) -> list[str] | None:
    try:
        return [name.strip() for name in cells(text, delimiter)]
    except QuoteError:
        return None
