"""Messages for keys and values of the wrong type, in the file's own terms. Pure."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fraudstream.payment_schema.written import LIMITS, MOST_FIELDS, TYPES, Feature, FieldTable, File, Place, Problem

_MOST_LISTED = 20


def explain(problem: Any) -> Problem | None:
    """Return the place in the file of one of pydantic's errors, and a message; None if another error has both."""
    place, kind, written = tuple(str(key) for key in problem["loc"]), problem["type"], problem["input"]
    key = place[2] if place[0] == "fields" and place[2:] else ""
    if key in LIMITS:
        return place[:3], "must be a number"
    if key == "default":
        return place[:3], "must be true or false, a number, or a text"
    if key == "feature":
        if not isinstance(written, dict) and len(place) <= len(("fields", "name", "feature", "union")):
            return place[:3], 'must be true, false or a table such as { scale = "log" }'
        if place[3:] == ("bool",):
            return None
        place = (*place[:3], *place[4:])
    return place, _MESSAGES[kind](place, problem) if kind in _MESSAGES else _reworded(problem["msg"])


def _reworded(message: str) -> str:
    return message.replace("Input should", "must").replace("String should", "must")


def _extra(place: Place, _: Any) -> str:
    if place[0] == "fields" and len(place) == len(("fields", "name", "key")) and place[-1] in File.model_fields:
        return "belongs at the top of the file, before the first table"
    return f"is not a key here{nearest(place[-1], _known_keys(place))}"


def _missing(place: Place, _: Any) -> str:
    return f"is missing: {_MISSING.get(place[-1], 'add it')}"


_MISSING = {
    "id": 'id = "NAME" names the field that identifies a payment',
    "fields": "declare each field in a table of its own, [fields.NAME]",
    "type": f"one of {', '.join(TYPES)}",
}
_MESSAGES: Mapping[str, Callable[[Place, Any], str]] = {
    "extra_forbidden": _extra,
    "missing": _missing,
    "bool_type": lambda *_: "must be true or false",
    "dict_type": lambda *_: "must be a table",
    "model_type": lambda *_: "must be a table",
    "list_type": lambda *_: 'must be a list, such as ["traceparent"]',
    "string_type": lambda *_: "must be a text, in quotes",
    "string_too_long": lambda _, problem: f"has at most {problem['ctx']['max_length']} characters",
    "too_long": lambda *_: f"has at most {MOST_FIELDS} fields",
    "too_short": lambda *_: "has at least one field",
}
"""Messages by the type of pydantic's error; for the others its own is used."""


def _known_keys(place: Place) -> Sequence[str]:
    if place[0] != "fields":
        return list(File.model_fields)
    model = Feature if "feature" in place[:-1] else FieldTable
    return [one.alias or name for name, one in model.model_fields.items()]


def nearest(name: str, known: Mapping[str, object] | Sequence[str]) -> str:
    """Return a hint: the known name that is nearest, or the known names."""
    near = difflib.get_close_matches(name, known, 1)
    if near:
        return f"; did you mean {near[0]}?"
    listed = [*known][:_MOST_LISTED] + (["…"] if len(known) > _MOST_LISTED else [])
    return f"; there are {', '.join(listed)}"
