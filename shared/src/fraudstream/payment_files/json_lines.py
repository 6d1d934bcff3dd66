"""The rows of a JSON Lines file, by the rules for messages. Pure."""

import json
from collections.abc import Sequence
from typing import Any

import pydantic_core

from fraudstream import wire_formats
from fraudstream.payment import InvalidPayment, decode_each
from fraudstream.payment_files.physical_lines import LONGEST_LINE
from fraudstream.payment_files.problems import Place, described, in_order, is_shown
from fraudstream.payment_files.rows import Batch, Rejected, RowSchema

_SPACE = b" \t"
Numbered = tuple[int, dict[str, Any], bytes]
"""Line number, validated object, and JSON."""


def read(schema: RowSchema, first: int, lines: Sequence[bytes]) -> Batch:
    """Return the batch of these lines, each one JSON object; `first` is the line number of the first one.

    The last of duplicate fields counts, as in messages.
    """
    rejected = [_reject_too_long(number) for number, line in enumerate(lines, first) if len(line) > LONGEST_LINE]
    fitting = [(number, line.strip(_SPACE)) for number, line in enumerate(lines, first) if len(line) <= LONGEST_LINE]
    texts = [(number, text) for number, text in fitting if text]
    id_key = b"" if schema.identity is None else _json(schema.identity.path[-1])
    values = [text if id_key in text else _with_id(schema, number, text) for number, text in texts]
    rows: list[Numbered] = []
    events = decode_each(values, schema.messages, required=schema.required_members)
    for (number, text), value, event in zip(texts, values, events, strict=True):
        result = _revalidate(schema, number, text) if isinstance(event, InvalidPayment) else (number, event, value)
        if isinstance(result, Rejected):
            rejected.append(result)
        else:
            rows.append(result)
    return Batch(
        lines=[number for number, _, _ in rows],
        rows=schema.of_messages([message for _, message, _ in rows]),
        values=[value for _, _, value in rows],
        rejected=in_order(rejected),
        blank=len(fitting) - len(texts),
    )


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _with_id(schema: RowSchema, number: int, text: bytes) -> bytes:
    """Return the object in a line with a new id; the line itself without new ids, or if it is not an object."""
    if schema.new_id is None or schema.identity is None or not text.startswith(b"{"):
        return text
    if len(schema.identity.path) > 1:
        return _with_nested_id(schema.identity.path, schema.new_id(number), text)
    # first: an id in the line itself comes later, and so counts, even if its name contains escapes
    others = text[1:].lstrip(_SPACE)
    comma = b"" if others.startswith(b"}") else b","
    return b"{%s:%s%s%s" % (_json(schema.identity.path[0]), _json(schema.new_id(number)), comma, others)


def _with_nested_id(path: Place, identity: float | str, text: bytes) -> bytes:
    try:
        message = pydantic_core.from_json(text, allow_inf_nan=False)
    except ValueError:
        return text
    _put_missing(message, path, identity)
    return pydantic_core.to_json(message)


def _put_missing(message: Any, path: Place, value: object) -> None:
    """Put `value` into a JSON value, unless there is one, or what would be around it is not an object."""
    *parents, last = path
    for key in parents:
        message = message.setdefault(key, {}) if isinstance(message, dict) else None
    if isinstance(message, dict):
        message.setdefault(last, value)


def _revalidate(schema: RowSchema, number: int, text: bytes) -> Numbered | Rejected:
    """Validate a line as it is, and with an id: one of the two forms is invalid."""
    problems: list[InvalidPayment] = []
    for value in (text, _with_id(schema, number, text)):
        (event,) = decode_each([value], schema.messages, required=schema.required_members)
        if not isinstance(event, InvalidPayment):
            return number, event, value
        problems.append(event)
    # in a line without an id, NaN in an ignored field is detected only in the form with an id
    problem = next((one for one in problems if one.reason == "invalid_json"), problems[0])
    detail = _describe(schema, text, problem)
    return Rejected(line=number, reason=problem.reason, detail=detail, problem=problem.detail)


def _describe(schema: RowSchema, text: bytes, problem: InvalidPayment) -> str:
    if problem.reason not in {"missing_field", "invalid_field"}:
        return problem.detail
    message = pydantic_core.from_json(text)
    fields = schema.fields.values()
    has_any = any(field.path[0] in message for field in fields if field is not schema.identity)
    if envelope := None if has_any else wire_formats.of_object(text):
        return envelope
    if schema.new_id is not None and schema.identity is not None:
        _put_missing(message, schema.identity.path, "1" if schema.identity.type == "text" else 1)

    def show(place: Place) -> str | None:
        found = message
        for key in place:
            if not isinstance(found, dict) or key not in found:
                return ""
            found = found[key]
        return pydantic_core.to_json(found, inf_nan_mode="constants").decode() if is_shown(place, fields) else None

    places = {path: ".".join(path) for path in (*(field.path for field in fields), *filter(None, [schema.label]))}
    return described(schema.messages, message, show, places)


def _reject_too_long(number: int) -> Rejected:
    problem = f"longer than {LONGEST_LINE:,} bytes"
    return Rejected(line=number, reason="too_long", detail=problem, problem=problem)
