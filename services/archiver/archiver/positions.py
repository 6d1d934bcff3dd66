"""Offset at which a partition resumes: the stored position compared with the records that Kafka retains. Pure."""

from dataclasses import dataclass

from fraudstream import offsets
from fraudstream.offsets import Decided, Log, Resume
from fraudstream.record import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Stored position of a partition: the offset to read next, the last record read and its fingerprint."""

    next_offset: int
    last_offset: int | None = None
    last_fingerprint: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """New position of a partition; `expected` is the offset that the database must have, None if it has no row."""

    place: Place
    expected: int | None
    position: Position


def resume(position: Position | None, log: Log) -> Resume:
    """Return where to resume, by the scorer's rule for a journal without a committed offset.

    The log's fingerprint is that at `last_offset`, None if that record is not retained.
    """
    if position is None:
        return offsets.resume(None, None, log)
    last = position.next_offset - 1
    return offsets.resume(None, Decided(offset=last, base=last, fingerprint=position.last_fingerprint), log)
