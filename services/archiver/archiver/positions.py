"""Offset at which a partition resumes: the stored position compared with the records that Kafka retains. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from fraudstream.offsets import Log
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


class Case(StrEnum):
    """Relation of position and log; docs/archive.md lists what a user sees in each case."""

    NEW = "new"
    NORMAL = "normal"
    RETENTION_PASSED = "retention_passed"
    TOPIC_RECREATED = "topic_recreated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Offset to resume at; retention deleted `lost` offsets before it."""

    case: Case
    offset: int
    lost: int = 0


def resume(position: Position | None, log: Log) -> Resume:
    """Return where to resume; the log's fingerprint is that at `last_offset`, None if that record is not retained."""
    if position is None:
        return Resume(case=Case.NEW, offset=log.start)
    replaced = None not in (position.last_fingerprint, log.fingerprint) and position.last_fingerprint != log.fingerprint
    if position.next_offset > log.end or replaced:
        return Resume(case=Case.TOPIC_RECREATED, offset=log.start)
    if position.next_offset < log.start:
        return Resume(case=Case.RETENTION_PASSED, offset=log.start, lost=log.start - position.next_offset)
    return Resume(case=Case.NORMAL, offset=position.next_offset)
