"""Values of cells, which are texts, by the types of their fields. Pure."""

from collections.abc import Callable, Mapping

from fraudstream.payment_files import decimals
from fraudstream.payment_files.decimals import POINT, UNPROVEN
from fraudstream.payment_files.rows import LABEL, RowSchema
from fraudstream.payment_schema import Type
from fraudstream.payment_values import BOOLEANS, RFC3339

_COMMON_LIMIT = 10_001
"""Whole numbers below this are looked up, which is four times as fast as parsing them."""

Convert = Callable[[str], bool | float | str]


def converters(schema: RowSchema, decimal_mark: str) -> Mapping[str, Convert]:
    """Return for each column the function from a cell to its value, or to the cell's text if it has none of the type.

    An empty cell, or one of spaces, gives an empty text. Cells have no types, so `strict` is of no importance here.
    """
    by_type = _by_type(decimal_mark)
    return {name: by_type["integer"] if name == LABEL else by_type[schema.fields[name].type] for name in schema.columns}


def _by_type(decimal_mark: str) -> Mapping[Type, Convert]:
    character = POINT if decimal_mark == UNPROVEN else decimal_mark
    common = {text: value for value in range(_COMMON_LIMIT) for text in (f"{value}", f"{value}{character}0")}

    def decimal(text: str) -> float | str:
        return decimals.convert(text, decimal_mark, whole=False)

    def whole(text: str) -> float | str:
        found = common.get(text)
        return decimals.convert(text, decimal_mark, whole=True) if found is None else found

    def time(text: str) -> float | str:
        return text.strip() if RFC3339.fullmatch(text.strip()) else decimal(text)

    return {
        "integer": whole,
        "number": decimal,
        "boolean": _boolean,
        "time": time,
        "text": str.strip,
        "category": str.strip,
    }


def _boolean(text: str) -> bool | str:
    return BOOLEANS.get(text.strip().lower(), text.strip())
