"""The problems of a row as text: column, value and reason, on one line. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from pydantic import TypeAdapter, ValidationError

from fraudstream.payment_files.rows import Rejected, Row
from fraudstream.payment_schema import DeclaredField

_SHOWN = 40
_DETAIL_CHARACTERS = 300
Place = tuple[str, ...]
Show = Callable[[Place], str | None]
"""Returns the text of the value at a place: empty if there is none, None if it must not be shown."""


def described(adapter: TypeAdapter[dict[str, object]], values: Row, show: Show, places: Mapping[Place, str]) -> str:
    """Return the first problem of each field with column and value; `places` has the name of each place of a value."""
    try:
        adapter.validator.validate_python(values)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        first = {_place(problem["loc"], places): problem["msg"] for problem in reversed(problems)}
        texts = [
            _describe(places.get(place, ".".join(place)), message, show(place))
            for place, message in reversed(first.items())
        ]
        return "; ".join(texts)[:_DETAIL_CHARACTERS]
    return "invalid"  # the caller has already detected a problem


def _place(location: Sequence[int | str], places: Iterable[Place]) -> Place:
    """Return the beginning of `location` that names a place; the rest names the alternatives of its type."""
    keys = tuple(map(str, location))
    inside = [keys[:length] for length in range(len(keys), 0, -1)]
    return next((start for start in inside if any(place[: len(start)] == start for place in places)), keys)


def _describe(column: str, message: str, shown: str | None) -> str:
    if shown == "":
        return f"column {column}: no value"
    value = "" if shown is None else f"{quoted(shown)} "
    text = message.removeprefix("Value error, ").replace("a valid dictionary", "an object")
    text = text.replace("Input should", "must").replace("String should", "must")
    return f"column {column}: {value}{text}"


def in_order(rejected: Iterable[Rejected]) -> list[Rejected]:
    """Return the rejected lines in file order."""
    return sorted(rejected, key=lambda row: row.line)


def is_shown(place: Place, fields: Iterable[DeclaredField]) -> bool:
    """Return whether the value at `place` may be shown: it is not, and does not contain, a secret."""
    return not any(field.secret and field.path[: len(place)] == place for field in fields)


def quoted(value: object) -> str:
    """Return the value shortened, in quotes and in printable ASCII."""
    text = value if isinstance(value, str) else str(value)
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
