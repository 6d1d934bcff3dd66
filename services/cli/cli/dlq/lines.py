"""A letter → a line of an exported file, and such a line, edited or not → the value to send. Pure."""

import base64
import binascii
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from cli.dlq.places import LetterPlace
from fraudstream.dead_letter import DeadLetter, Replayed
from fraudstream.runtime.escaping import ascii_json
from fraudstream.timestamps import rfc3339

_TEXT_BYTES = 4 << 20
"""More than any letter written by the scorer: as text, 60 MB of control characters take six times as much."""

EXPORTED = "outputs/letters.jsonl"
"""The file in the commands that are suggested: Compose mounts the folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditedLine:
    """A line of an edited file: the place of its letter, and the value to send for it."""

    place: LetterPlace
    value: bytes | None


class Edit(NamedTuple):
    """A line of an edited file without its value; `begin` is its byte position in the file.

    `value_hash` is valid in this process only; `verdict` is the reason why the value is not a payment by the current
    rules, or None.
    """

    number: int
    begin: int
    value_bytes: int
    value_hash: int
    verdict: str | None


def export_line(letter: DeadLetter, timestamp_ms: int, replays: Sequence[Replayed], *, masks: bool = False) -> str:
    """Format a letter as a JSON object in ASCII; UTF-8 bytes are text, others base64 in a field named …_base64.

    With `masks`, sizes replace the content of key, value and headers, in fields named …_bytes.
    """
    content = _size if masks else _bytes
    line: dict[str, Any] = {
        "place": letter.source.text,
        "partition": letter.partition,
        "offset": letter.offset,
        "reason": letter.reason,
        "detail": letter.detail,
        "source_topic": letter.source.topic,
        "source_partition": letter.source.partition,
        "source_offset": letter.source.offset,
        "timestamp": rfc3339(timestamp_ms),
        "replayed": [rfc3339(marker.timestamp_ms) for marker in replays],
        **({"masked": True} if masks else {}),
        **content("key", letter.key),
        "headers": [{"name": name, **content("value", value)} for name, value in letter.headers],
        **({"cut": True, "value_bytes": letter.value_bytes} if letter.is_cut else {}),
        **({"format": letter.format} if letter.format else {}),
        **({"removed": [part._asdict() for part in letter.removed]} if letter.removed else {}),
        **content("value", letter.value),
        **({"value_bytes": letter.value_bytes} if masks and letter.value is not None else {}),
    }
    return ascii_json(line)


def parse_line(line: bytes) -> EditedLine:
    """Parse a line of an edited file. Raises ValueError with a message for the user that never quotes the line."""
    try:
        fields = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg}, column {error.colno}") from None
    except (UnicodeDecodeError, RecursionError):
        raise ValueError("not JSON in UTF-8") from None
    if not isinstance(fields, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - about a file, not an argument
    if fields.get("masked") and not {"value", "value_base64"} & fields.keys():
        raise ValueError("exported without its value, as the payment schema has secret fields: dlq export --raw has it")
    return EditedLine(place=LetterPlace(_number(fields, "partition"), _number(fields, "offset")), value=_value(fields))


def _bytes(name: str, content: bytes | None) -> dict[str, str | None]:
    if content is None:
        return {name: None}
    with suppress(UnicodeDecodeError):
        if len(content) <= _TEXT_BYTES:
            return {name: content.decode()}
    return {f"{name}_base64": base64.b64encode(content).decode()}


def _size(name: str, content: bytes | None) -> dict[str, int | None]:
    return {name: None} if content is None else {f"{name}_bytes": len(content)}


def _number(fields: dict[str, Any], name: str) -> int:
    number = fields.get(name)
    if type(number) is not int or number < 0:
        raise ValueError('"partition" and "offset" must name a dead letter')
    return number


def _value(fields: dict[str, Any]) -> bytes | None:
    if ("value" in fields) == ("value_base64" in fields):
        raise ValueError('exactly one of "value" and "value_base64" is required')
    try:
        if "value" in fields:
            return None if fields["value"] is None else fields["value"].encode()
        return base64.b64decode(fields["value_base64"], validate=True)
    except UnicodeEncodeError:
        raise ValueError('"value" contains a lone surrogate, which is not valid text') from None
    except (AttributeError, TypeError):
        raise ValueError('"value" must be a string: write an object as a quoted string, as exported') from None
    except (binascii.Error, ValueError):
        raise ValueError('"value_base64" is not valid base64') from None
