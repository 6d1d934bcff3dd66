"""Chunks of bytes → physical lines, each ended by LF, CRLF, a lone CR or the end of the file. Pure."""

from collections.abc import Iterable, Iterator

LONGEST_LINE = 1 << 20
"""Bytes."""


def lines(chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield the lines that end in each chunk, without their ends.

    Of a line longer than LONGEST_LINE only a part comes, itself longer than LONGEST_LINE: so memory is bounded.
    """
    rest = b""
    for chunk in chunks:
        found = (rest + chunk).splitlines(keepends=True)
        # the last line may continue, and an LF may follow its CR
        rest = _bounded(found.pop()) if found and not found[-1].endswith(b"\n") else b""
        yield [line.rstrip(b"\r\n") for line in found]
    if rest:
        yield [rest.rstrip(b"\r\n")]


def _bounded(line: bytes) -> bytes:
    # the last byte stays: it may be a CR
    return line if len(line) <= LONGEST_LINE + 2 else line[: LONGEST_LINE + 1] + line[-1:]
