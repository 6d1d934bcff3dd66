"""The header of a delimited file: its delimiter, and the position of each column. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fraudstream.errors import PaymentFileError
from fraudstream.payment import ID
from fraudstream.payment_files.physical_lines import LONGEST_LINE
from fraudstream.payment_files.quoting import DELIMITERS, QuoteError, cells
from fraudstream.payment_files.rows import Schema, quoted

_NAMES_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The columns of a file."""

    delimiter: str
    names: Sequence[str]
    places: Mapping[str, int]
    """Position in a row of each column that is read."""


def parse(place: str, line: bytes, schema: Schema) -> Header:
    """Return the header in `line`; `place` names file and line in errors. Raises PaymentFileError."""
    text = _decode(place, line)
    by_delimiter = {delimiter: _split(text, delimiter) for delimiter in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda mark: sum(name in (by_delimiter[mark] or ()) for name in schema.columns))
    names = by_delimiter[delimiter]
    if names is None:
        raise PaymentFileError(f"{place}: a quote in the header is not closed, or does not enclose a whole name")
    _check(place, names, delimiter, schema)
    read = schema.columns if schema.new_id is None else (ID, *schema.columns)
    places = {name: names.index(name) for name in read if name in names}
    return Header(delimiter=delimiter, names=names, places=places)


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


def _check(place: str, names: Sequence[str], delimiter: str, schema: Schema) -> None:
    missing = [name for name in schema.columns if name not in names]
    if missing:
        shown = ", ".join(quoted(name) for name in names[:_NAMES_SHOWN])
        raise PaymentFileError(
            f"{place}: no column {', '.join(missing)} (found, with {DELIMITERS[delimiter]} as delimiter: {shown}; "
            "comma, semicolon and tab are supported)"
        )
    positions: dict[str, int] = {}
    for position, name in enumerate(names, 1):
        first = positions.setdefault(name, position)
        if name and first != position:
            raise PaymentFileError(
                f"{place}: two columns {quoted(name)}, numbers {first} and {position}: rename or remove one"
            )
