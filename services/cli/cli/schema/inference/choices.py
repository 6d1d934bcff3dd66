"""The type, the range and the options of a field, chosen from the statistics of its values. Pure."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from math import inf

from cli.schema.inference import forms, names
from cli.schema.inference.column import Column
from fraudstream.payment_schema import INTEGER_LIMIT, LONGEST, Type

_MOST_CATEGORIES = 200
_SECONDS, _MILLISECONDS = (9.5e8, 4.2e9), (9.5e11, 4.2e12)
"""Epoch times of the years 2000 to 2103."""
_LAST_HOUR = 23
_FEW = 0.01


@dataclass(slots=True, kw_only=True)
class Choice:
    """A field as it is to be declared."""

    path: names.Path
    column: Column
    type: Type
    strict: bool = True
    secret: bool = False
    feature: str = ""
    """TOML of the key `feature`; empty if it is none."""
    limits: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The last key."""
        return self.path[-1]


def choose(path: names.Path, column: Column, *, is_cells: bool) -> Choice | None:
    """Return the field's declaration; None if the values are of types that no field accepts together."""
    choice = _typed(path, column, is_cells=is_cells) if column.is_usable else None
    if choice is None:
        return None
    _keep_secret(choice)
    if choice.type in {"integer", "number"}:
        _limit(choice)
    if not choice.secret:
        _scale(choice)
    if names.label_rank(path[-1]) is not None:
        choice.feature = ""
        choice.notes.append("may be a result of the investigation: known too late to be a feature")
    return choice


def is_label(path: names.Path, column: Column) -> bool:
    """Return whether the values are true, false, 0 and 1, and the name is one of a label."""
    if names.label_rank(path[-1]) is None or not column.present or not column.is_usable:
        return False
    numbers_fit = float not in column.kinds and _is_within(column, 0, 1)
    return numbers_fit and (str not in column.kinds or forms.BOOLEAN in column.forms)


def is_id(path: names.Path, column: Column, rows: int) -> bool:
    """Return whether the values can be ids: texts or integers, none missing, and different or with a likely name."""
    rank = names.id_rank(path[-1])
    is_likely = rank < names.UNLIKELY or (column.is_unique and names.amount_rank(path[-1]) is None)
    if column.kinds == {str}:
        is_decimal = forms.NUMBER in column.forms and forms.INTEGER not in column.forms
        fits = rank < names.UNLIKELY or not (is_decimal or forms.TIME in column.forms)
    else:
        fits = column.kinds == {int} and _is_within(column, -INTEGER_LIMIT, INTEGER_LIMIT)
    return column.is_usable and column.present == rows and is_likely and fits


def as_id(path: names.Path, column: Column, *, is_cells: bool) -> Choice:
    """Return the declaration of the id: digits in the quotes of JSON remain a text."""
    is_integer = column.kinds == {int} or (is_cells and forms.INTEGER in column.forms)
    choice = Choice(path=path, column=column, type="integer" if is_integer else "text")
    if is_integer:
        _limit(choice, shows_range=False)
    _keep_secret(choice)
    if choice.secret:
        choice.secret = False
        choice.notes.append("the id can't be secret, since it is in all outputs: send another one, or use a hash of it")
    if not column.is_unique:
        choice.notes.append("values repeat: choose another id, if payments have one")
    return choice


def _typed(path: names.Path, column: Column, *, is_cells: bool) -> Choice | None:
    kinds = column.kinds
    if kinds == {str}:
        return _of_texts(path, column, is_cells=is_cells)
    if str in kinds:
        return _of_texts_and_others(path, column)
    choice = Choice(path=path, column=column, type="number")
    if bool in kinds:
        choice.type = "boolean"
        return choice if float not in kinds and _is_within(column, 0, 1) else None
    if _is_epoch(path[-1], column):
        choice.type = "time"
    elif float not in kinds and _is_within(column, 0, 1) and names.is_flag(path[-1]):
        choice.type = "boolean"
    elif float not in kinds and _is_within(column, -INTEGER_LIMIT, INTEGER_LIMIT):
        choice.type = "integer"
    elif float not in kinds:
        choice.notes.append("has integers beyond 2^63: a number keeps about 15 digits of them")
    return choice


def _of_texts(path: names.Path, column: Column, *, is_cells: bool) -> Choice:
    name, found = path[-1], column.forms
    # in JSON, digits in quotes may be meant as a text
    may_be_number = is_cells or not (names.is_code(name) or names.is_identifier(name) or column.has_cards)
    choice = Choice(path=path, column=column, type="text")
    if forms.TIME in found or (is_cells and forms.NUMBER in found and _is_epoch(name, column)):
        choice.type = "time"
    elif forms.BOOLEAN in found and (forms.NUMBER not in found or names.is_flag(name)):
        choice.type, choice.strict = "boolean", is_cells
    elif forms.INTEGER in found and may_be_number:
        choice.type, choice.strict = "integer", is_cells
    elif forms.NUMBER in found and may_be_number:
        choice.type, choice.strict = "number", is_cells
    elif _is_category(column) and not names.is_identifier(name):
        choice.type = "category"
    elif forms.DATE in found:
        choice.notes.append("looks like a time, but type time needs RFC 3339 with an offset: 2026-09-21T14:00:00Z")
    return choice


def _of_texts_and_others(path: names.Path, column: Column) -> Choice | None:
    """Return a declaration that accepts numbers or booleans with and without quotes; None if there is none."""
    others, found = column.kinds - {str}, column.forms
    choice = Choice(path=path, column=column, type="number", strict=False)
    if bool in others:
        choice.type = "boolean"
        return choice if forms.BOOLEAN in found and float not in others and _is_within(column, 0, 1) else None
    if forms.NUMBER not in found:
        return None
    if forms.INTEGER in found and float not in others and _is_within(column, -INTEGER_LIMIT, INTEGER_LIMIT):
        choice.type = "integer"
    return choice


def _is_within(column: Column, low: float, high: float) -> bool:
    return column.lowest >= low and column.highest <= high


def _is_epoch(name: str, column: Column) -> bool:
    return names.is_time(name) and any(_is_within(column, low, high) for low, high in (_SECONDS, _MILLISECONDS))


def _is_category(column: Column) -> bool:
    return (
        column.longest <= LONGEST["category"]
        and column.distinct <= _MOST_CATEGORIES
        and 2 * column.distinct <= column.present
        and not (column.has_email or column.has_ip_address or column.has_cards)
        and not column.forms & {forms.UUID, forms.DATE}
    )


def _keep_secret(choice: Choice) -> None:
    column = choice.column
    looks: AbstractSet[str] = {
        text
        for text, is_so in (
            ("card numbers", column.has_cards and choice.type != "time"),
            ("e-mail addresses", column.has_email),
            ("IP addresses", column.has_ip_address),
        )
        if is_so
    }
    if looks:
        choice.secret = True
        choice.notes.append(f"has values that look like {' and '.join(sorted(looks))}")


def _limit(choice: Choice, *, shows_range: bool = True) -> None:
    """Set the natural limits; note the observed range of others."""
    column, is_amount = choice.column, names.amount_rank(choice.name) is not None
    if column.lowest >= 0:
        choice.limits["min"] = 0
    is_fraction = choice.type == "number" and _is_within(column, 0, 1) and not is_amount
    is_hour = choice.type == "integer" and names.is_hour(choice.name) and _is_within(column, 0, _LAST_HOUR)
    if is_fraction or is_hour:
        choice.limits["max"] = 1 if is_fraction else _LAST_HOUR
    elif shows_range and not (choice.secret or names.is_identifier(choice.name)) and abs(column.highest) < inf:
        low, high = forms.outward(column.lowest, column.highest)
        choice.notes.append(f"values are between {low} and {high}, rounded outwards")
    if choice.type == "integer" and not is_hour and _is_within(column, 0, 1):
        choice.notes.append("has only 0 and 1: type boolean, if it is a flag")


def _scale(choice: Choice) -> None:
    """Make the field a feature, with the scale of its type."""
    column, is_positive = choice.column, "min" in choice.limits
    if choice.type in {"text", "time"} or (names.is_identifier(choice.name) and choice.type != "boolean"):
        if choice.type != "text":
            choice.notes.append("feature = true adds it to the model")
        return
    if column.distinct == 1:
        choice.notes.append("has one value only, so it is not a feature")
        return
    choice.feature = "true"
    if choice.type == "integer" and is_positive:
        choice.feature = "{ period = 24 }" if choice.limits.get("max") == _LAST_HOUR else '{ scale = "count" }'
    elif choice.type == "number" and is_positive and "max" not in choice.limits:
        choice.feature = '{ scale = "log" }'


def is_rare(column: Column, rows: int) -> bool:
    """Return whether the values are in under 1 % of the rows."""
    return column.present < _FEW * rows
