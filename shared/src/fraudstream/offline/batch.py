"""What is read of a file at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

from fraudstream.errors import FraudstreamError
from fraudstream.events import InvalidPayment, Payment

LONGEST_LINE = 1 << 20
"""Bytes of JSON, or characters of a CSV."""
LARGEST = 1 << 24
"""Bytes or characters after which a batch ends, however few its rows."""


class UnreadableFileError(FraudstreamError):
    """The file can't be scored at all, or not beyond some line; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows in the file's order."""

    lines: Sequence[int]
    """The line on which each begins; the file's first is 1."""
    events: Sequence[Payment | InvalidPayment]
