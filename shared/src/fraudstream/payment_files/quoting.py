"""A line of a delimited file → its cells. A record is one physical line. Pure."""

import re

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
_CELLS = {
    delimiter: re.compile(rf' *+"((?:[^"]|"")*+)" *+({delimiter}|\Z)|([^"{delimiter}]*+)({delimiter}|\Z)')
    for delimiter in DELIMITERS
}
_CLOSED = re.compile(r' *+"(?:[^"]|"")*+"')


class QuoteError(ValueError):
    """A quote that does not enclose exactly one whole cell; `cell` is the number of cells before it."""

    def __init__(self, problem: str, cell: int, text: str) -> None:
        super().__init__(problem)
        self.cell = cell
        self.text = text


def cells(line: str, delimiter: str) -> list[str]:
    """Return the line's cells, without the quotes around them. Raises QuoteError."""
    if '"' not in line:
        return line.split(delimiter)
    found: list[str] = []
    position, more = 0, True
    while more:
        match = _CELLS[delimiter].match(line, position)
        if match is None:
            raise _error(line, position, len(found))
        quoted, end, plain, plain_end = match.groups()
        found.append(plain if quoted is None else quoted.replace('""', '"'))
        position, more = match.end(), bool(end or plain_end)
    return found


def _error(line: str, position: int, cell: int) -> QuoteError:
    if _CLOSED.match(line, position):
        problem = "there is text after the closing quote"
    elif line[position:].lstrip(" ").startswith('"'):
        problem = "a quote is opened and not closed on this line (a cell can't contain a line break)"
    else:
        problem = "a quote inside a cell that does not begin with one (write the cell in quotes, its own quotes twice)"
    return QuoteError(problem, cell, line[position:])
