"""The payments to erase, and their recognition in records, dead letters and CSV rows. Pure."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from json import detect_encoding
from typing import NamedTuple

from cli.erase.id_pattern import IdPattern, id_pattern
from fraudstream.cell_text import csv_text, split_cells
from fraudstream.csv_file.layout import Layout
from fraudstream.errors import FraudstreamError
from fraudstream.payment_schema import DeclaredField

_MOST_SEARCHED = 50


def parse_id(id_field: DeclaredField, text: str) -> int | str:
    """Return the id that `--payment-id` gives as `text`. Raises FraudstreamError if the field has no such id."""
    try:
        text.encode()
        return int(text) if id_field.type == "integer" else text
    except UnicodeEncodeError:
        raise FraudstreamError("--payment-id: not UTF-8") from None
    except ValueError:
        raise FraudstreamError(f"--payment-id {text}: the ids in {id_field.name} are whole numbers") from None


class ScoredPlace(NamedTuple):
    """Place of a scored payment in the input topic, and its id, as a re-created topic repeats places."""

    partition: int
    offset: int
    payment_id: int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Payments to erase by their id, and records to erase by their Kafka key."""

    id_field: DeclaredField
    """The field of the payments' id."""
    payment_ids: frozenset[int | str] = frozenset()
    keys: frozenset[bytes] = frozenset()
    _pattern: IdPattern = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pattern", id_pattern(self.id_field, self.payment_ids))

    def has_key(self, key: bytes | None) -> bool:
        """Return whether the record's key is one of the keys."""
        return key is not None and key in self.keys

    def may_be_in(self, value: bytes | None) -> bool:
        """Return whether `value` may be a payment with one of the ids."""
        return value is not None and any(map(self._pattern.may_be_in, _texts(value)))

    def names_payment(self, value: bytes | None) -> bool:
        """Return whether `value`, which may be invalid JSON, has one of the ids as its payment's id."""
        return value is not None and any(map(self._pattern.is_in, _texts(value)))


def _texts(value: bytes) -> Iterator[bytes]:
    """Yield a value, and its text in UTF-8 if it may be in UTF-16 or UTF-32."""
    yield value
    if b"\0" in value[:4]:
        yield value.decode(detect_encoding(value), errors="replace").encode()


class Rows:
    """CSV rows of payments, recognised by id, or by place and id."""

    def __init__(self, payment_ids: Collection[int | str], places: Collection[ScoredPlace]) -> None:
        written = {one: _written(one) for one in (*payment_ids, *(place.payment_id for place in places))}
        cells = {one: cell for one, text in written.items() for cell in split_cells(text)}
        self._ids = frozenset(cells[one] for one in payment_ids)
        self._places = frozenset((str(one.partition), str(one.offset), cells[one.payment_id]) for one in places)
        self._searched = frozenset(map(str.encode, written.values()))
        self._between_commas = [b",%b," % written[one].encode() for one in payment_ids]

    def may_be_in(self, block: bytes) -> bool:
        """Return whether a line of `block` may match; always true above 50 ids."""
        return len(self._searched) > _MOST_SEARCHED or any(one in block for one in self._searched)

    def match(self, line: bytes, layout: Layout) -> bool:
        """Return whether `line` is one of the rows of a file with these columns.

        A damaged line is one if one of its cells is an id. Without a column of the ids, no other line is.
        """
        try:
            row = layout.cells(line)
        except ValueError:
            cells = b",%b," % line.rstrip(b"\r\n")
            return any(one in cells for one in self._between_commas)
        payment_id = row.get(layout.id_column)
        return payment_id in self._ids or (row["partition"], row["offset"], payment_id) in self._places


def _written(payment_id: int | str) -> str:
    """Return the id as the file has it, in quotes if it needs them."""
    return csv_text(payment_id) if isinstance(payment_id, str) else str(payment_id)
