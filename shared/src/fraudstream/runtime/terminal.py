"""Standard output and standard error of the commands: all printed text is escaped here."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from fraudstream.runtime.escaping import visible_text

_COLOR = re.compile(r"(\x1b\[(?:[0-2]|3[0-7])m)")
"""Colours of the log, and their end; not the sequences that hide text or move the cursor."""


def write(text: str, stream: TextIO | None = None, *, keeps_colors: bool = False) -> None:
    """Write lines of text to standard output, or to `stream`; control characters other than line ends are escaped.

    With `keeps_colors`, the colours of a log are not.
    """
    (stream or sys.stdout).write(_visible_in_colors(text) if keeps_colors else visible_text(text))


def _visible_in_colors(text: str) -> str:
    return "".join(part if _COLOR.fullmatch(part) else visible_text(part) for part in _COLOR.split(text))


def write_data(text: str) -> None:
    """Write data to standard output: unchanged, as UTF-8, to a pipe or a file, and to a terminal as `write` does."""
    if sys.stdout.isatty():
        write(text)
    else:
        sys.stdout.buffer.write(text.encode())


@contextmanager
def standard_output() -> Iterator[None]:
    """Flush standard output after the block, and end the block if the reader closes the pipe, as `head` does."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would report the closed pipe at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
