"""A file → batches of payments, and of rows that are none, each with its line."""

from collections.abc import Iterator
from pathlib import Path

from fraudstream.offline import json_lines, table
from fraudstream.offline.batch import Batch, UnreadableFileError

_READERS = {".csv": table.batches, ".jsonl": json_lines.batches, ".ndjson": json_lines.batches}


def batches(path: Path, rows: int) -> Iterator[Batch]:
    """All rows, up to so many at a time; blank lines are left out. Raises UnreadableFileError.

    JSON is held to the wire's rules. A CSV's cells have no types: those of `cells` count, and where it has no column
    payment_id a payment's line takes its place. Other columns are ignored.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise UnreadableFileError(f"{path}: must end in .csv, .jsonl or .ndjson")
    try:
        yield from read(path, rows)
    except OSError as error:
        raise UnreadableFileError(f"{path} can't be read: {error.strerror}") from None
