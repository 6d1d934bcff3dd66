"""Standard output and standard error of the commands: everything that is printed passes `escaping` here."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from fraudstream.runtime.escaping import visible_text


def write(text: str, stream: TextIO | None = None) -> None:
    """Write lines of text to standard output, or to `stream`; control characters but line ends are escaped."""
    (stream or sys.stdout).write(visible_text(text))


@contextmanager
def standard_output() -> Iterator[None]:
    """Let the block write to standard output; it ends where the reader closes the pipe, as `head` does."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
