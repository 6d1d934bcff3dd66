"""A line of a delimited file split into cells. A record is one physical line. Pure."""

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
    result: list[str] = []
    position, more = 0, True
    while more:
        match = _CELLS[delimiter].match(line, position)
        if match is None:
            raise _quote_error(line, position, len(result))
        quoted, end, plain, plain_end = match.groups()
        result.append(plain if quoted is None else quoted.replace('""', '"'))
        position, more = match.end(), bool(end or plain_end)
    return result


def _quote_error(line: str, position: int, cell: int) -> QuoteError:
    if _CLOSED.match(line, position):
        problem = "text after the closing quote"
    elif line[position:].lstrip(" ").startswith('"'):
        problem = "a quote is not closed on this line (a cell can't contain a line break)"
    else:
        problem = "a quote inside an unquoted cell (quote the cell, and double the quotes in it)"
    return QuoteError(problem, cell, line[position:])
