"""Chunks of bytes split into physical lines, each ended by LF, CRLF, a lone CR or the end of the file. Pure."""

from collections.abc import Iterable, Iterator

LONGEST_LINE = 1 << 20
"""In bytes."""


def lines(chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield for each chunk the lines that end in it, without line ends.

    A line longer than LONGEST_LINE is truncated, but stays longer than LONGEST_LINE: this bounds memory.
    """
    rest = b""
    for chunk in chunks:
        complete = (rest + chunk).splitlines(keepends=True)
        # the last line may continue, and an LF may follow its CR
        rest = _truncate(complete.pop()) if complete and not complete[-1].endswith(b"\n") else b""
        yield [line.rstrip(b"\r\n") for line in complete]
    if rest:
        yield [rest.rstrip(b"\r\n")]


def _truncate(line: bytes) -> bytes:
    # keep the last byte: it may be a CR
    return line if len(line) <= LONGEST_LINE + 2 else line[: LONGEST_LINE + 1] + line[-1:]
