"""A letter as a line of an exported file, and what such a line says when it comes back, mended or not. Pure."""

import base64
import binascii
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from cli.dlq.choosing import LetterPlace
from fraudstream.dead_letter import DeadLetter, Replayed
from fraudstream.runtime.escaping import ascii_json
from fraudstream.timestamps import rfc3339

_TEXT_BYTES = 4 << 20
"""Larger than any letter of ours: as text, 60 MB of control characters take six times as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """A line of an edited file: which letter, and the value that is to be sent for it."""

    place: LetterPlace
    value: bytes | None


class Edit(NamedTuple):
    """A line of an edited file without its value; `begin` is where in the file it stands.

    `value_hash` is good for this process alone; `verdict` is why the value is no payment by today's rules.
    """

    number: int
    begin: int
    value_bytes: int
    value_hash: int
    verdict: str | None


def export_line(letter: DeadLetter, timestamp_ms: int, replays: Sequence[Replayed]) -> str:
    """A JSON object in ASCII; bytes are text where they are UTF-8, else in base64 under another name."""
    line: dict[str, Any] = {
        "partition": letter.partition,
        "offset": letter.offset,
        "reason": letter.reason,
        "detail": letter.detail,
        "source_topic": letter.source.topic,
        "source_partition": letter.source.partition,
        "source_offset": letter.source.offset,
        "timestamp": rfc3339(timestamp_ms),
        "replayed": [rfc3339(marker.timestamp_ms) for marker in replays],
        **_bytes("key", letter.key),
        "headers": [{"name": name, **_bytes("value", value)} for name, value in letter.headers],
        **({"cut": True, "value_bytes": letter.value_bytes} if letter.is_cut else {}),
        **({"format": letter.format} if letter.format else {}),
        **({"removed": [part._asdict() for part in letter.removed]} if letter.removed else {}),
        **_bytes("value", letter.value),
    }
    return ascii_json(line)


def mended(line: bytes) -> Mended:
    """What a line says. Raises ValueError with words for whoever wrote it; they never quote the line."""
    try:
        said = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error.msg}, column {error.colno}") from None
    except (UnicodeDecodeError, RecursionError):
        raise ValueError("no JSON in UTF-8") from None
    if not isinstance(said, dict):
        raise ValueError("JSON, but no object")  # noqa: TRY004 - of a file, not of an argument
    return Mended(place=LetterPlace(_number(said, "partition"), _number(said, "offset")), value=_value(said))


def _bytes(name: str, content: bytes | None) -> dict[str, str | None]:
    if content is None:
        return {name: None}
    with suppress(UnicodeDecodeError):
        if len(content) <= _TEXT_BYTES:
            return {name: content.decode()}
    return {f"{name}_base64": base64.b64encode(content).decode()}


def _number(said: dict[str, Any], name: str) -> int:
    number = said.get(name)
    if type(number) is not int or number < 0:
        raise ValueError('"partition" and "offset" must name a dead letter')
    return number


def _value(said: dict[str, Any]) -> bytes | None:
    if ("value" in said) == ("value_base64" in said):
        raise ValueError('"value" or "value_base64" must be there, and not both')
    try:
        if "value" in said:
            return None if said["value"] is None else said["value"].encode()
        return base64.b64decode(said["value_base64"], validate=True)
    except UnicodeEncodeError:
        raise ValueError('"value" holds half a surrogate pair, which is no text') from None
    except (AttributeError, TypeError):
        raise ValueError('"value" must be a text: write an object in quotes, as it was exported') from None
    except (binascii.Error, ValueError):
        raise ValueError('"value_base64" is no base64') from None
