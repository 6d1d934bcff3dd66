"""Ways to break a payment of any schema: not JSON, fields missing, of another type, or out of their range. Pure."""

import json
from collections.abc import Callable, Iterator, Mapping
from math import inf, nextafter
from typing import Any

from fraudstream.payment_schema import DeclaredField, PaymentSchema, within

Fields = dict[str, Any]
"""The object of a message."""
Break = Callable[[Fields], bytes | None]
"""Returns the value of a malformed message made from a valid payment."""
_EXAMPLES: Mapping[str, object] = {
    "boolean": False,
    "text": "x",
    "category": "x",
    "time": "2026-01-01T00:00:00Z",
}
_MARK = "?"

WIRE: Mapping[str, Break] = {
    "tombstone": lambda _: None,
    "empty": lambda _: b"",
    "blank": lambda _: b" \n",
    "invalid UTF-8": lambda fields: json.dumps({**fields, "note": "?"}).encode().replace(b"?", b"\xff\xfe"),
    "byte-order mark": lambda fields: b"\xef\xbb\xbf" + json.dumps(fields).encode(),
    "UTF-16": lambda fields: json.dumps(fields).encode("utf-16"),
    "truncated": lambda fields: json.dumps(fields).encode()[:-20],
    "two objects": lambda fields: json.dumps(fields).encode() * 2,
    "not JSON": lambda _: b"payment;amount\n1;1200",
    "array": lambda fields: json.dumps([fields]).encode(),
    "string": lambda _: b'"payment"',
    "number": lambda _: b"17",
    "null": lambda _: b"null",
    "deeply nested": lambda _: b"[" * 1_000 + b"]" * 1_000,
}
"""Messages that are not one JSON object in UTF-8."""


def broken_by(schema: PaymentSchema) -> dict[str, Break]:
    """Return the ways to break a payment of the schema, by name."""
    kinds: dict[str, Break] = dict(WIRE)
    kinds["infinity in an unknown field"] = lambda fields: json.dumps({**fields, "note": inf}).encode()
    kinds["no field at all"] = lambda _: b"{}"
    for field in schema.fields.values():
        kinds |= {f"{field.name}: {kind}": way for kind, way in _ways(field)}
    return kinds


def example(schema: PaymentSchema, payment_id: float | str) -> Fields:
    """Return a valid payment with this id, of small values."""
    fields: Fields = {}
    for name, field in schema.fields.items():
        *parents, last = field.path
        place = fields
        for key in parents:
            place = place.setdefault(key, {})
        place[last] = payment_id if name == schema.id else _value(field)
    return fields


def _value(field: DeclaredField) -> object:
    """Return a valid value; of a number, one within the range."""
    if field.type in _EXAMPLES:
        return _EXAMPLES[field.type]
    above, below = field.above or 0, field.below or 0
    candidates = (field.min, field.max, 1, 0, above + 1, below - 1, nextafter(above, inf), nextafter(below, -inf))
    return next(number for number in candidates if number is not None and within(field, number))


def _ways(field: DeclaredField) -> Iterator[tuple[str, Break]]:
    path = field.path
    if field.required:
        yield "missing", lambda fields: _dumped(_without(fields, path))
        yield "null", lambda fields: _dumped(_with(fields, path, None))
    if field.type in {"text", "category"}:
        yield "a number", lambda fields: _dumped(_with(fields, path, 7))
        yield "too long", lambda fields: _dumped(_with(fields, path, "x" * (field.max_length + 1)))
        return
    yield "a word", lambda fields: _dumped(_with(fields, path, "yesterday"))
    if field.type in {"integer", "number"}:
        yield "a boolean", lambda fields: _dumped(_with(fields, path, value=True))
        yield "NaN", lambda fields: _dumped(_with(fields, path, float("nan")))
        yield "too large for a double", lambda fields: _literal(fields, path, b"1e400")
        yield from _outside(field)
    if field.type == "integer":
        yield "a decimal", lambda fields: _dumped(_with(fields, path, 3.5))
        yield "5,000 digits", lambda fields: _literal(fields, path, b"9" * 5_000)


def _outside(field: DeclaredField) -> Iterator[tuple[str, Break]]:
    """Yield the nearest values outside of each end of the field's range."""
    step = 1 if field.type == "integer" else 0
    low = field.above if field.min is None else field.min - step if step else nextafter(field.min, -inf)
    high = field.below if field.max is None else field.max + step if step else nextafter(field.max, inf)
    for kind, value in (("too low", low), ("too high", high)):
        if value is not None:
            yield kind, lambda fields, value=value: _dumped(_with(fields, field.path, value))  # type: ignore[misc]


def _dumped(fields: Fields) -> bytes:
    return json.dumps(fields).encode()


def _literal(fields: Fields, path: tuple[str, ...], literal: bytes) -> bytes:
    return _dumped(_with(fields, path, _MARK)).replace(json.dumps(_MARK).encode(), literal)


def _with(fields: Fields, path: tuple[str, ...], value: object) -> Fields:
    first, *rest = path
    return {**fields, first: _with(fields[first], tuple(rest), value) if rest else value}


def _without(fields: Fields, path: tuple[str, ...]) -> Fields:
    first, *rest = path
    if rest:
        return {**fields, first: _without(fields[first], tuple(rest))}
    return {name: value for name, value in fields.items() if name != first}
