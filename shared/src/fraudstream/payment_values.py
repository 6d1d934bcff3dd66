"""Values of a payment's declared fields: one validator per schema, built once, that parses each message. Pure.

The types are strict: a text is not a number, `3.0` no integer, `1` no text. A field with `strict = false` also accepts
the forms listed at its type below, which are fewer than pydantic's lax mode accepts.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from pydantic.functional_validators import AfterValidator, BeforeValidator
from typing_extensions import TypedDict

from fraudstream.payment_schema import INTEGER_LIMIT, DeclaredField, PaymentSchema

_NOTHING: Mapping[str, Any] = {}

Value = bool | int | float | str
_CONFIG = ConfigDict(strict=True, allow_inf_nan=False, extra="ignore")
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_MOST_DIGITS = 400
BOOLEANS: Mapping[object, bool] = {"true": True, "false": False, "1": True, "0": False}
# RFC 3339 has no hour 24, which ISO 8601 and so some parsers accept
RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ](?:[01]\d|2[0-3]):\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_FIRST_MS = 100_000_000_000
"""Epoch numbers from here on are milliseconds: of 1973; as seconds they would be of the year 5138."""
_EARLIEST_MS = -2_208_988_800_000
"""The beginning of 1900: outputs and time zones have no form for much earlier times, such as a zero time of year 1."""
_LAST_MS = 253_402_300_799_999
"""The end of the year 9999."""


class PaymentValues:
    """Parser of messages into the values of a schema's fields."""

    def __init__(self, schema: PaymentSchema, others: Mapping[str, Any] = _NOTHING) -> None:
        """Parse the members `others`, of these types, besides the fields."""
        self._fields = schema.fields
        self._tree = _tree({field.path: field for field in schema.fields.values()})
        self.adapter: TypeAdapter[dict[str, Any]] = TypeAdapter(_object_type(self._tree, others))
        """Validator of a message's object, to be passed to `payment.decode_each`."""
        self.required = sum(map(_is_required, self._tree.values()))
        """Number of members that a message's object must have."""
        # all values in one step, where there are neither objects nor missing values
        is_flat = self.required == len(schema.fields) == len(self._tree) > 1 and not any(
            isinstance(node, dict) for node in self._tree.values()
        )
        self._row = itemgetter(*self._tree) if is_flat else None
        self._members = _members(schema)

    def values(self, payment: Mapping[str, Any]) -> dict[str, Value | None]:
        """Return the value of each field of a validated object, by name; its default, or None, where it is missing."""
        if self._members is not None:
            return {name: payment.get(key) for name, key in self._members}
        values: dict[str, Value | None] = dict.fromkeys(self._fields)
        _collect(self._tree, payment, values)
        return values

    def columns(self, payments: Sequence[Mapping[str, Any]]) -> dict[str, Sequence[Value | None]]:
        """Return the values of each field of validated objects, by name, as `values` does."""
        if self._row and payments:
            return dict(zip(self._fields, zip(*map(self._row, payments), strict=True), strict=True))
        columns: dict[str, Sequence[Value | None]] = dict.fromkeys(self._fields, ())
        columns.update(_columns(self._tree, payments))
        return columns


def _members(schema: PaymentSchema) -> list[tuple[str, str]] | None:
    """Return name and key of each field, if all are members of the message itself, without defaults."""
    fields = schema.fields.values()
    if any(len(field.path) > 1 or field.default is not None for field in fields):
        return None
    return [(field.name, field.path[0]) for field in fields]


def _collect(tree: "Tree", payment: Mapping[str, Any], values: dict[str, Value | None]) -> None:
    """Set `values` by name from one payment; three times as fast as columns of one row."""
    for key, node in tree.items():
        member = payment.get(key)
        if isinstance(node, dict):
            _collect(node, member or _NOTHING, values)
        elif member is not None:
            values[node.name] = member
        elif node.default is not None:
            values[node.name] = node.default


def _columns(tree: "Tree", payments: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Sequence[Value | None]]]:
    for key, node in tree.items():
        members = [payment.get(key) for payment in payments]
        if isinstance(node, dict):
            yield from _columns(node, [member or _NOTHING for member in members])
        elif node.required or node.default is None:
            yield node.name, members
        else:
            yield node.name, [node.default if member is None else member for member in members]


def member(found: Any, path: Sequence[str]) -> Any:
    """Return the member at a path of keys in a JSON value; None if there is none."""
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def validator(fields: Iterable[DeclaredField], others: Mapping[tuple[str, ...], object]) -> TypeAdapter[dict[str, Any]]:
    """Return the validator of objects with these fields, and with `others`, which has types by path."""
    return TypeAdapter(_object_type(_tree({**{field.path: field for field in fields}, **others})))


Tree = dict[str, Any]


def _tree(by_path: Mapping[tuple[str, ...], object]) -> Tree:
    """Return fields and other types nested by their paths."""
    root: Tree = {}
    for (*parents, last), node in by_path.items():
        place = root
        for key in parents:
            place = place.setdefault(key, {})
        place[last] = node
    return root


def _object_type(tree: Tree, others: Mapping[str, Any] = _NOTHING) -> Any:
    hints = {key: _object_hint(node) if isinstance(node, dict) else _hint(node) for key, node in tree.items()}
    made: Any = TypedDict("Fields", {**hints, **others})  # type: ignore[misc]  # of keys known at run time
    return with_config(_CONFIG)(made)


def _object_hint(tree: Tree) -> Any:
    kind = _object_type(tree)
    return kind if _is_required(tree) else NotRequired[kind | None]


def _is_required(node: object) -> bool:
    if isinstance(node, dict):
        return any(map(_is_required, node.values()))
    return not isinstance(node, DeclaredField) or node.required


def _hint(field: object) -> Any:
    if not isinstance(field, DeclaredField):
        return field
    kind = _HINTS[field.type](field)
    # null counts as missing, so that senders may write either
    return kind if field.required else NotRequired[kind | None]


def _limits(field: DeclaredField, **ends: float) -> Any:
    return Field(
        ge=field.min if field.min is not None else ends.get("ge"),
        le=field.max if field.max is not None else ends.get("le"),
        gt=field.above,
        lt=field.below,
    )


def _integer(field: DeclaredField) -> Any:
    ends = _limits(
        field,
        **({} if field.above is not None else {"ge": -INTEGER_LIMIT}),
        **({} if field.below is not None else {"le": INTEGER_LIMIT}),
    )
    return Annotated[int, ends] if field.strict else Annotated[int, ends, BeforeValidator(_whole)]


def _number(field: DeclaredField) -> Any:
    ends = _limits(field)
    return Annotated[float, ends] if field.strict else Annotated[float, ends, BeforeValidator(_decimal)]


def _boolean(field: DeclaredField) -> Any:
    return Annotated[bool, BeforeValidator(_flag if field.strict else _lax_flag)]


def _text(field: DeclaredField) -> Any:
    if not field.strict:  # a record of an earlier schema has the value of a field that is secret now
        return Any
    return Annotated[str, Field(max_length=field.max_length)]


def _time(_: DeclaredField) -> Any:
    return Annotated[Any, AfterValidator(epoch_ms)]


_HINTS: Mapping[str, Callable[[DeclaredField], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "text": _text,
    "category": _text,
    "time": _time,
}


def _whole(value: object) -> object:
    """Return the integer that `value` means: whole-number text, or a number such as 3.0."""
    if isinstance(value, str) and len(value) <= _MOST_DIGITS and _WHOLE.fullmatch(value):
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _decimal(value: object) -> object:
    """Return the number that decimal text means."""
    is_decimal = isinstance(value, str) and len(value) <= _MOST_DIGITS and _DECIMAL.fullmatch(value)
    return float(value) if is_decimal else value  # type: ignore[arg-type]


def _flag(value: object) -> object:
    """Return the truth value that the integers 0 and 1 mean."""
    return bool(value) if type(value) is int and value in {0, 1} else value


def _lax_flag(value: object) -> object:
    """Return the truth value that 0, 1, and the texts true, false, 0 and 1 mean."""
    return BOOLEANS.get(value, value) if isinstance(value, str) else _flag(value)


def cell_value(field: DeclaredField, text: str) -> object:
    """Return the value that a cell of a delimited file has for the field; the text itself if it has none.

    Cells are texts, so that numbers, booleans and times are read from them whether the field is strict or not.
    """
    if field.type in {"text", "category"}:
        return text
    text = text.strip()
    if field.type == "boolean":
        return BOOLEANS.get(text.lower(), text)
    if field.type == "time":
        return text if RFC3339.fullmatch(text) else _decimal(text)
    return _whole(_decimal(text) if "." in text else text) if field.type == "integer" else _decimal(text)


def epoch_ms(value: object) -> int:
    """Return a time in milliseconds since 1970: of RFC 3339 text with an offset, or of epoch seconds or milliseconds.

    Raises ValueError, also for times before 1900 and after 9999.
    """
    if isinstance(value, str):
        if not RFC3339.fullmatch(value):
            raise ValueError("must be RFC 3339 with an offset, such as 2026-09-21T14:00:00Z")
        moment = datetime.fromisoformat(_microseconds(value))
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        milliseconds = (moment - epoch) // _MILLISECOND
        if not _EARLIEST_MS <= milliseconds <= _LAST_MS:
            raise ValueError("must be between the years 1900 and 9999")
        return milliseconds
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST_MS:
        raise ValueError("must be RFC 3339 text, or seconds or milliseconds since 1970")
    return int(value) if value >= _FIRST_MS else round(1_000 * value)


_MILLISECOND = datetime(1970, 1, 1, 0, 0, 0, 1_000) - datetime(1970, 1, 1)  # noqa: DTZ001 - a difference


def _microseconds(text: str) -> str:
    """Return RFC 3339 text with at most six digits of a second, as Python reads them."""
    return re.sub(r"(\.\d{6})\d+", r"\1", text.upper().replace(" ", "T"))
