"""Rows of text, written by column: joining columns takes half the time of formatting each row with `%`. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from string import Formatter
from typing import Any

__all__ = ["Template", "fill", "object_template", "parse_template"]

Template = tuple[tuple[str, str | None], ...]
"""Literal texts, each with the column that follows it; None after the last one."""


def parse_template(text: str) -> Template:
    """Return `text`, split at each `{name of a column}`; parsed once, as `fill` is called for every batch."""
    return tuple((literal, name) for literal, name, _, _ in Formatter().parse(text))


def object_template(places: Iterable[tuple[Sequence[str], str]]) -> Template:
    """Return the template of a JSON object: each column's name after the keys from the object to its value."""
    tree: dict[str, Any] = {}
    for (*parents, last), name in places:
        node = tree
        for key in parents:
            node = node.setdefault(key, {})
        node[last] = name
    literal, template = "", list[tuple[str, str | None]]()
    for text, column in _object(tree):
        literal += text
        if column:
            template.append((literal, column))
            literal = ""
    return (*template, (literal, None))


def _object(tree: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    yield "{", None
    for number, (key, node) in enumerate(tree.items()):
        yield f"{',' if number else ''}{json.dumps(key, ensure_ascii=False)}:", None
        if isinstance(node, dict):
            yield from _object(node)
        else:
            yield "", node
    yield "}", None


def fill(template: Template, columns: Mapping[str, Sequence[str]]) -> list[bytes]:
    """Return `template` for each row, with the row's text in place of each column's name."""
    rows = len(next(iter(columns.values())))
    parts: list[Iterable[str]] = []
    literal = ""
    for text, name in template:
        literal += text
        if name is None:
            continue
        column = columns[name]
        if rows and column[0] == column[-1] and column.count(column[0]) == rows:
            literal += column[0]  # the same in all rows
        else:
            parts += [repeat(literal, rows), column]
            literal = ""
    parts.append(repeat(literal, rows))
    return list(map(str.encode, map("".join, zip(*parts, strict=True))))
