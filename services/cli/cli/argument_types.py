"""Types of arguments that several subcommands have."""

import argparse
import time
from collections.abc import Callable
from typing import TypeVar

from cli.moments import moment_ms

T = TypeVar("T")
_DIGITS, _OFFSET_DIGITS = 9, 18
"""So that every number fits into 32 bits, in a database and in Kafka, and every offset into 64."""


def parsed_by(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Return `parse` with the message of its ValueError as the argument's error."""

    def read(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def _whole(text: str, *, least: int, meaning: str, digits: int = _DIGITS) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= digits
    if not is_number or int(text) < least:
        raise ValueError(f"{text!r} is not {meaning} of at most {digits} digits")
    return int(text)


count = parsed_by(lambda text: _whole(text, least=0, meaning="a whole number"))
"""Type of a whole number."""
offset = parsed_by(lambda text: _whole(text, least=0, meaning="an offset", digits=_OFFSET_DIGITS))
"""Type of an offset in Kafka."""
positive = parsed_by(lambda text: _whole(text, least=1, meaning="a whole number above zero"))
"""Type of a whole number above zero."""
moment = parsed_by(lambda text: moment_ms(text, int(1_000 * time.time())))
"""Type of a time or an age, in milliseconds."""
