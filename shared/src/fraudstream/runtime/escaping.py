"""Escaping of untrusted text for terminals: nothing in it moves the cursor, or hides. Pure.

The only implementation, for logs, printed lines and error messages.
"""

import json
import unicodedata
from typing import Any

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str) -> str:
    """Return the text with control, invisible, reordering, private and unassigned characters as backslash escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(character) for character in text)


def visible_text(text: str) -> str:
    """Escape several lines as `visible` does, except their line ends."""
    return "\n".join(map(visible, text.split("\n")))


def visible_bytes(value: bytes) -> str:
    """Decode and escape as `visible` does; bytes that are not UTF-8 become escapes too."""
    return visible(value.decode(errors="backslashreplace"))


def visible_lines(value: bytes) -> list[str]:
    """Decode and escape as `visible_bytes` does, line by line."""
    return [visible(line) for line in value.decode(errors="backslashreplace").split("\n")]


def ascii_json(value: Any, **options: Any) -> str:
    """Return `value` as JSON in printable ASCII: `json.dumps` alone does not escape DEL."""
    return json.dumps(value, **options).replace("\x7f", "\\u007f")


def shortened(text: str, most: int) -> str:
    """Return the text, cut to `most` characters, the last one an ellipsis, if it is longer."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _escape(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    return _SHORT.get(character) or character.encode("unicode_escape").decode()
