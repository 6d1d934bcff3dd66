"""Commands in a document: fenced blocks of shell commands, and the rows of tables with a column `command`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

SHELLS = ("sh", "bash", "powershell")
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)$")
_MARK = re.compile(r"^ *<!-- not run: (.+) -->$")
_CODE = re.compile(r"`([^`]+)`")
_COLUMN = "command"


@dataclass(frozen=True, slots=True)
class Block:
    """Commands that belong together, and where they are written."""

    document: str
    line: int
    language: str
    text: str
    not_run: str | None = field(default=None)
    """The reason for which no test runs these commands."""

    @property
    def is_shell(self) -> bool:
        """Whether a reader types this."""
        return self.language in SHELLS


def blocks(document: str, text: str) -> list[Block]:
    """Return all blocks of a document in their order, also those that are not commands."""
    lines = text.split("\n")
    found = [*_fenced(document, lines), *_rows(document, lines)]
    return sorted(found, key=lambda block: block.line)


def commands(text: str) -> list[str]:
    """Return the lines of a block, those that a backslash continues as one."""
    return [line.strip() for line in text.replace("\\\n", " ").split("\n") if line.strip()]


def _fenced(document: str, lines: list[str]) -> Iterator[Block]:
    begin: int | None = None
    for number, line in enumerate(lines):
        fence = _FENCE.match(line)
        if fence is None:
            continue
        if begin is None:
            begin, indent, language = number, len(fence["indent"]), fence["language"]
            continue
        text = "\n".join(one[indent:] for one in lines[begin + 1 : number])
        yield Block(document, begin + 1, language, text, _reason(lines, begin))
        begin = None
    if begin is not None:
        raise ValueError(f"{document}:{begin + 1}: this block has no end")


def _rows(document: str, lines: list[str]) -> Iterator[Block]:
    """Yield one block for each row with code in the column."""
    table, column, reason = False, -1, None
    for number, line in enumerate(lines):
        cells = _cells(line)
        if not cells:
            table = False
        elif not table:
            table, reason = True, _reason(lines, number)
            column = cells.index(_COLUMN) if _COLUMN in cells else -1
        elif column >= 0 and (found := _CODE.findall(cells[column])):
            yield Block(document, number + 1, "sh", "\n".join(found), reason)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip()[1:-1].split("|")] if line.strip().startswith("|") else []


def _reason(lines: list[str], number: int) -> str | None:
    """Return the reason in the line above, if it is a mark."""
    mark = _MARK.match(lines[number - 1]) if number else None
    return mark[1] if mark else None
