"""Text that anybody may have written, as a terminal may show it: nothing in it moves the cursor, or hides. Pure.

The one implementation, for logs, printed lines and error messages.
"""

import json
import unicodedata
from typing import Any

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str) -> str:
    """The text with control characters, what reorders or hides text, and what no font has, as backslash escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) for character in text)


def visible_text(text: str) -> str:
    """Escape several lines as `visible` does, but for their line ends."""
    return "\n".join(map(visible, text.split("\n")))


def visible_bytes(value: bytes) -> str:
    """The same of bytes; those that are no UTF-8 become escapes too."""
    return visible(value.decode(errors="backslashreplace"))


def visible_lines(value: bytes) -> list[str]:
    """The same, line by line."""
    return [visible(line) for line in value.decode(errors="backslashreplace").split("\n")]


def ascii_json(value: Any, **options: Any) -> str:
    """Return `value` as JSON in printable ASCII: `json.dumps` alone would leave DEL as it is."""
    return json.dumps(value, **options).replace("\x7f", "\\u007f")


def shortened(text: str, most: int) -> str:
    """The beginning of a text that is longer."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    return _SHORT.get(character) or character.encode("unicode_escape").decode()
