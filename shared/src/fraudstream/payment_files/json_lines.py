"""The rows of a JSON Lines file, by the rules for messages. Pure."""

from collections.abc import Sequence

import pydantic_core

from fraudstream import wire_formats
from fraudstream.payment import ID, InvalidPayment, decode_each
from fraudstream.payment_files.physical_lines import LONGEST_LINE
from fraudstream.payment_files.rows import Batch, Rejected, Row, Schema, described, in_order

_SPACE = b" \t"
NumberedRow = tuple[int, Row, bytes]
"""Line number, row and JSON."""
_ID_KEY = f'"{ID}"'.encode()


def read(schema: Schema, first: int, lines: Sequence[bytes]) -> Batch:
    """Return the batch of these lines, each one JSON object; `first` is the line number of the first one.

    The last of duplicate fields counts, as in messages.
    """
    rejected = [_reject_too_long(number) for number, line in enumerate(lines, first) if len(line) > LONGEST_LINE]
    fitting = [(number, line.strip(_SPACE)) for number, line in enumerate(lines, first) if len(line) <= LONGEST_LINE]
    texts = [(number, text) for number, text in fitting if text]
    values = [text if _ID_KEY in text else _with_id(schema, number, text) for number, text in texts]
    rows: list[NumberedRow] = []
    events = decode_each(values, schema.adapter)
    for (number, text), value, event in zip(texts, values, events, strict=True):
        result = _revalidate(schema, number, text) if isinstance(event, InvalidPayment) else (number, event, value)
        if isinstance(result, Rejected):
            rejected.append(result)
        else:
            rows.append(result)
    return Batch(
        lines=[number for number, _, _ in rows],
        rows=[row for _, row, _ in rows],
        values=[value for _, _, value in rows],
        rejected=in_order(rejected),
        blank=len(fitting) - len(texts),
    )


def _with_id(schema: Schema, number: int, text: bytes) -> bytes:
    # first: an id in the line itself comes later, and so counts, even if its name contains escapes
    if schema.new_id is None or not text.startswith(b"{"):
        return text
    others = text[1:].lstrip(_SPACE)
    comma = b"" if others.startswith(b"}") else b","
    return b'{"%s":%d%s%s' % (ID.encode(), schema.new_id(number), comma, others)


def _revalidate(schema: Schema, number: int, text: bytes) -> NumberedRow | Rejected:
    """Validate a line as it is, and with an id: one of the two forms is invalid."""
    problems: list[InvalidPayment] = []
    for value in (text, _with_id(schema, number, text)):
        (event,) = decode_each([value], schema.adapter)
        if not isinstance(event, InvalidPayment):
            return number, event, value
        problems.append(event)
    # in a line without an id, NaN in an ignored field is detected only in the form with an id
    problem = next((one for one in problems if one.reason == "invalid_json"), problems[0])
    return Rejected(line=number, reason=problem.reason, detail=_describe(schema, text, problem))


def _describe(schema: Schema, text: bytes, problem: InvalidPayment) -> str:
    if problem.reason not in {"missing_field", "invalid_field"}:
        return problem.detail
    fields = pydantic_core.from_json(text)
    if schema.new_id is not None:
        fields.setdefault(ID, 1)
    shown = {name: pydantic_core.to_json(value, inf_nan_mode="constants").decode() for name, value in fields.items()}
    envelope = None if fields.keys() & set(schema.columns) else wire_formats.of_object(text)
    return envelope or described(schema, fields, shown)


def _reject_too_long(number: int) -> Rejected:
    return Rejected(line=number, reason="too_long", detail=f"longer than {LONGEST_LINE:,} bytes")
