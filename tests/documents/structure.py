"""Headings, anchors, links and the table of contents of a document."""

import re
from pathlib import PurePosixPath

from tests.documents.blocks import blocks

_HEADING = re.compile(r"^(#+) (.+?)\s*$", re.MULTILINE)
_LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)>\s]+)>?\)")
_ENTRY = re.compile(r"^( *)- \[(.+)\]\(#([^)]+)\)$")
_CODE = re.compile(r"`[^`\n]+`")
CONTENTS = "## Contents"


def headings(text: str) -> list[tuple[int, str]]:
    """Return level and text of each heading outside of blocks."""
    return [(len(marks), title) for marks, title in _HEADING.findall(without_blocks(text))]


def without_blocks(text: str) -> str:
    """Return the text with the contents of fenced blocks left out."""
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """Return the names by which a link reaches a heading, formed as GitHub forms them."""
    found: set[str] = set()
    for _, title in headings(text):
        name, number = anchor(title), 0
        while name in found:
            number += 1
            name = f"{anchor(title)}-{number}"
        found.add(name)
    return found


def anchor(title: str) -> str:
    """Return the anchor of a heading: lower case, hyphens for spaces, without punctuation and links' addresses."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def links(text: str) -> list[str]:
    """Return the target of each relative link."""
    found = _LINK.findall(_CODE.sub("``", without_blocks(text)))
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def resolve(document: str, target: str) -> tuple[str, str]:
    """Return path in the repository and anchor of a relative link."""
    path, _, name = target.partition("#")
    parts: list[str] = []
    for part in (PurePosixPath(document).parent / path).parts if path else PurePosixPath(document).parts:
        if part == ".." and parts:
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts), name


def contents(text: str) -> list[tuple[str, str]]:
    """Return title and anchor of each entry of the table of contents; none without one."""
    if f"\n{CONTENTS}\n" not in text:
        return []
    entries: list[tuple[str, str]] = []
    for line in text.split(f"\n{CONTENTS}\n")[1].strip().split("\n"):
        entry = _ENTRY.match(line)
        if entry is None:
            break
        entries.append((entry[2], entry[3]))
    return entries


def topics(text: str) -> list[str]:
    """Return the headings of the second level, without the table of contents."""
    return [title for level, title in headings(text) if level == 2 and f"## {title}" != CONTENTS]


def transcripts(document: str, text: str) -> list[int]:
    """Return the lines of blocks without a language that show commands: no test would run them."""
    typed = re.compile(r"^(\$ |(\w+=\S+ )*(docker compose|make|\./fraudstream) )", re.MULTILINE)
    return [one.line for one in blocks(document, text) if one.language == "" and typed.search(one.text)]
