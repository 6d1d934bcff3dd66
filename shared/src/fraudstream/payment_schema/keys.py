"""Dotted keys: those of TOML, those of a `path`, and the line of each in a file. Pure."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from fraudstream.payment_schema.written import Place

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_KEY_PART = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_KEYS = rf"\s*({_KEY_PART}(?:\s*\.\s*{_KEY_PART})*)\s*"
_TABLE, _KEY = re.compile(rf"\s*\[\[?{_KEYS}\]"), re.compile(rf"{_KEYS}=")
_LONG_QUOTE = re.compile(r"\"{3}|'{3}")
_PATH_PART = re.compile(r'"((?:[^"\\]|\\.)*)"|([^".]+)', re.DOTALL)
_PATH_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def dotted(place: Place) -> str:
    """Return keys as TOML writes them."""
    return ".".join(
        key if BARE_KEY.fullmatch(key) else json.dumps(key, ensure_ascii=not key.isprintable()) for key in place
    )


def parse_path(text: str | None) -> Place | None:
    r"""Return the keys of a dotted path, in quotes with the escapes `\"` and `\\`; None if it is not a path."""
    if text is None:
        return None
    keys, place = [], 0
    while found := _PATH_PART.match(text, place):
        keys.append(_PATH_ESCAPE.sub(r"\1", found[1]) if found[1] is not None else found[2])
        place = found.end() + 1
        if found.end() == len(text):
            return tuple(keys)
        if text[found.end()] != ".":
            return None
    return None


def lines_of(text: str) -> Iterator[tuple[Place, int]]:
    """Yield the line of each table and key; keys of inline tables have none of their own."""
    table: Place = ()
    open_quote = ""
    for number, line in enumerate(text.split("\n"), start=1):
        starts_inside = bool(open_quote)
        for quote in () if line.lstrip().startswith("#") and not open_quote else _LONG_QUOTE.findall(line):
            open_quote = "" if open_quote == quote else open_quote or quote
        if starts_inside:
            continue
        if found := _TABLE.match(line):
            table = _keys(found[1])
            yield table, number
        elif found := _KEY.match(line):
            yield (*table, *_keys(found[1])), number


def _keys(text: str) -> Place:
    """Return the keys of a dotted key of TOML; none if it is another text, inside quotes of several lines."""
    keys: list[str] = []
    try:
        inner: Any = tomllib.loads(f"{text} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    while isinstance(inner, dict):
        ((key, inner),) = inner.items()
        keys.append(key)
    return tuple(keys)


def line_of(lines: Mapping[Place, int], place: Place) -> int:
    """Return the line of `place`, or of the innermost table around it; 0 if there is none."""
    return next((lines[place[:length]] for length in range(len(place), 0, -1) if place[:length] in lines), 0)
