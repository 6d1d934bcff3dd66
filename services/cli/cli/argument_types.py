"""Types of arguments that several subcommands have."""

import argparse


def positive(text: str) -> int:
    """Return the whole number above zero in `text`. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return int(text)
