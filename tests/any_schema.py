"""Payments of the default schema, of the example examples/cards, and of any schema."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from fraudstream.payment import PaymentFormat
from fraudstream.payment_files.rows import Row
from fraudstream.payment_schema import DeclaredField, PaymentSchema, default_schema, parse, within

ROOT = Path(__file__).parents[1]
DEFAULT = default_schema()
FORM = PaymentFormat(DEFAULT)
CARDS = parse((ROOT / "examples/cards/payment.toml").read_text(encoding="utf-8"), "payment.toml")
_TEXTS = st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8"), min_size=1, max_size=30)
_TYPES = ("integer", "number", "boolean", "text", "category", "time")


def values_of(field: DeclaredField) -> st.SearchStrategy[Any]:
    """Return any valid values of the field, as rows have them."""
    lowest = field.min if field.min is not None else field.above
    highest = field.max if field.max is not None else field.below
    if field.type == "integer":
        low, high = (-(2**63 - 1) if lowest is None else int(lowest)), (2**63 - 1 if highest is None else int(highest))
        return st.integers(low, high).filter(lambda value: within(field, value))
    if field.type == "number":
        return st.floats(lowest, highest, allow_nan=False, allow_infinity=False).filter(
            lambda value: within(field, value)
        )
    if field.type == "boolean":
        return st.booleans()
    if field.type == "time":
        return st.integers(100_000_000_000, 253_402_300_799_999)
    return _TEXTS.map(lambda text: text[: field.max_length].strip()).filter(bool)


def rows_of(schema: PaymentSchema) -> st.SearchStrategy[dict[str, Any]]:
    """Return any valid payments by field name; None, or the default, where a value is missing."""
    return st.fixed_dictionaries(
        {
            name: values_of(field) if field.required else st.just(field.default) | values_of(field)
            for name, field in schema.fields.items()
        }
    ).map(lambda row: {name: row[name] for name in schema.fields})


@st.composite
def schemas(draw: st.DrawFn) -> PaymentSchema:
    """Return any schema of a few fields, nested or not, some optional or with a default."""
    lines = ['id = "key"', "[fields.key]", f'type = "{draw(st.sampled_from(["integer", "text"]))}"']
    if draw(st.booleans()):
        lines.append('path = "head.key"')
    for number, kind in enumerate(draw(st.lists(st.sampled_from(_TYPES), max_size=6))):
        lines += [f"[fields.f{number}]", f'type = "{kind}"']
        if draw(st.booleans()):
            lines.append(f'path = "{draw(st.sampled_from(["head", "body.inner"]))}.f{number}"')
        if draw(st.booleans()):
            lines.append("required = false")
            if kind in {"integer", "number"} and draw(st.booleans()):
                lines.append(f"default = {7 if kind == 'integer' else 7.5}")
    return parse("\n".join(lines), "payment.toml")


def nested(schema: PaymentSchema, row: Row) -> dict[str, Any]:
    """Return the message with these values; a missing one is left out."""
    message: dict[str, Any] = {}
    for name, value in row.items():
        *parents, last = schema.fields[name].path
        place = message
        for key in parents:
            place = place.setdefault(key, {})
        if value is not None:
            place[last] = value
    return message


def cells(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the cells of a row; a missing value is an empty one."""
    return {
        name: "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in row.items()
    }
