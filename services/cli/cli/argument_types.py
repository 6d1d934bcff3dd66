"""Types of arguments that several subcommands have."""

import argparse
import time
from collections.abc import Callable
from typing import TypeVar

from cli.moments import moment_ms

T = TypeVar("T")


def positive(text: str) -> int:
    """Return the whole number above zero in `text`. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return int(text)


def parsed_by(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Return `parse` with the message of its ValueError as the argument's error."""

    def read(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


moment = parsed_by(lambda text: moment_ms(text, int(1_000 * time.time())))
"""Type of a time or an age, in milliseconds."""
