"""The journal next to the CSV: two checksummed slots, written in turn, so that a torn write leaves one slot intact."""

import os
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from fraudstream.csv_file.paths import beside
from fraudstream.csv_file.protocol import Identity
from fraudstream.runtime.failpoints import armed, failpoint
from fraudstream.runtime.regular_files import SHARED_MODE, closing, open_regular, regular_file

_HEADER = struct.Struct("<4sII")
_MAGIC = b"FSJ1"
_SLOT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Progress of a partition. Offsets are -1 before the first decision.

    `first` is the first offset ever decided, `offset` the last one, `base` the first one of the last batch, whose rows
    are the bytes `start` … `end` of the CSV of that generation; `token` is that of the current owner. `era` is the
    era of the file at the last batch, or when the partition was reset.
    """

    token: int
    first: int = -1
    offset: int = -1
    base: int = -1
    generation: int = 0
    start: int = 0
    end: int = 0
    fingerprint: int | None = None
    era: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """Length and checksum of a file that replaces the CSV, and the byte range of each partition's last batch in it."""

    length: int
    tail: int
    placed: Mapping[int, tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """State of the CSV, written as a unit: `length` bytes are committed, `tail` is the checksum of their end.

    `generation` counts the rotations, that is the files before this one. `era` counts how often the topic was
    re-created: a partition of an earlier era has no rows in the files, and has not been reset yet. `replacement` is set
    while a file is being put in the CSV's place: the CSV is then the old file or the new one. `layout` is the hash of
    the CSV's columns; journals of earlier releases have none, as all CSVs had those of the default schema.
    """

    identity: Identity
    sequence: int = 0
    generation: int = 0
    era: int = 0
    length: int = 0
    tail: int = 0
    marks: Mapping[int, Mark] = field(default_factory=dict)
    replacement: Replacement | None = None
    layout: str | None = None

    def replaced(self) -> "State":
        """Return the state in which the replacement has taken the CSV's place."""
        new = self.replacement
        assert new is not None, "the state has no replacement"  # noqa: S101
        marks = {
            partition: replace(mark, start=new.placed[partition][0], end=new.placed[partition][1])
            for partition, mark in self.marks.items()
        }
        return replace(self, length=new.length, tail=new.tail, marks=marks, replacement=None)


_STATE = TypeAdapter(State)


class Journal:
    """The journal file, from which the state is read, and to which it is written; the caller holds the lock."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> State | None:
        """Return the newest intact state, None if there is no journal, or no slot of it is readable."""
        try:
            with regular_file(self.path) as file:
                slots = [_unpack(_read_slot(file.fileno(), number)) for number in (0, 1)]
        except FileNotFoundError:
            return None
        return max((slot for slot in slots if slot), key=lambda state: state.sequence, default=None)

    def write(self, state: State) -> None:
        """Store `state` in the older slot and sync it to disk, which commits an append."""
        payload = _pack(state)
        if len(payload) > _SLOT_BYTES:
            raise OSError(f"{self.path}: the journal holds too many partitions")
        with closing(open_regular(self.path, os.O_WRONLY | os.O_CREAT, SHARED_MODE)) as file:
            if armed("journal_torn"):
                os.pwrite(file, payload[: len(payload) // 2], (state.sequence % 2) * _SLOT_BYTES)
            failpoint("journal_torn")
            os.pwrite(file, payload, (state.sequence % 2) * _SLOT_BYTES)
            os.fdatasync(file)


def journal_of(csv: Path) -> Journal:
    """Return the journal beside the CSV."""
    return Journal(beside(csv, "journal"))


def _read_slot(descriptor: int, number: int) -> bytes:
    head = os.pread(descriptor, _HEADER.size, number * _SLOT_BYTES)
    if len(head) < _HEADER.size:
        return b""
    size = min(_HEADER.unpack(head)[1], _SLOT_BYTES)
    return head + os.pread(descriptor, size, number * _SLOT_BYTES + _HEADER.size)


def _pack(state: State) -> bytes:
    body = _STATE.dump_json(state, exclude=None if state.replacement else {"replacement"})
    return _HEADER.pack(_MAGIC, len(body), zlib.crc32(body)) + body


def _unpack(slot: bytes) -> State | None:
    if len(slot) < _HEADER.size:
        return None
    magic, size, checksum = _HEADER.unpack_from(slot)
    body = slot[_HEADER.size :]
    if magic != _MAGIC or len(body) != size or zlib.crc32(body) != checksum:
        return None
    try:  # content written by another program may have a valid checksum
        return _STATE.validate_json(body)
    except ValidationError:
        return None
