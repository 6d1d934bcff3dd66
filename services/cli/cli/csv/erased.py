"""The list of erased records beside the CSV: their places in Kafka, without any content.

`verify` does not report their rows as missing, and `rebuild` does not restore them while the topics still have the
records.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from fraudstream.csv_file.paths import beside
from fraudstream.errors import SinkUnavailableError
from fraudstream.runtime.regular_files import regular_file, replace_regular, sync_folder

Entry = tuple[str, str, int, int, int]
"""Cluster, topic, partition, offset, timestamp."""


_MODE = 0o660
_LINE_BYTES = 500
"""Maximum length of an entry: a topic's name has up to 249 characters."""


class ErasedPlace(NamedTuple):
    """Place of a record in the input topic; a re-created topic repeats offsets, with other timestamps."""

    partition: int
    offset: int
    timestamp_ms: int


class ErasedPlaces:
    """The list beside the CSV at `path`, for one cluster and topic; the caller of `add` holds the CSV's lock."""

    def __init__(self, path: Path, cluster: str, topic: str) -> None:
        self.path = beside(path, "erased")
        self._source = (cluster, topic)

    def read(self) -> frozenset[ErasedPlace]:
        """Return the places of this cluster and topic. Raises SinkUnavailableError."""
        return frozenset(
            ErasedPlace(*place) for cluster, topic, *place in self._entries() if (cluster, topic) == self._source
        )

    def add(self, places: Collection[ErasedPlace]) -> None:
        """Add places, all or none. Raises OSError."""
        entries = self._entries()
        new = {(*self._source, *place) for place in places}.difference(entries)
        if new:
            self._write([*entries, *sorted(new)])

    def _entries(self) -> list[Entry]:
        try:
            with regular_file(self.path) as file:
                return list(map(_entry, _lines(file)))
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not a list of erased records"
            raise SinkUnavailableError(
                f"{self.path}: {reason}; restore it, or delete it: rebuild may then write erased rows again"
            ) from None

    def _write(self, entries: Iterable[Entry]) -> None:
        content = "".join(f"{json.dumps(entry)}\n" for entry in entries)
        replace_regular(self.path, content.encode(), _MODE)
        sync_folder(self.path.parent)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.readline(_LINE_BYTES), b"")


def _entry(line: bytes) -> Entry:
    match json.loads(line):
        case [str() as cluster, str() as topic, int() as partition, int() as offset, int() as timestamp_ms]:
            return cluster, topic, partition, offset, timestamp_ms
    raise ValueError("not an entry")
