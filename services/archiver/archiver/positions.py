"""Where a partition goes on: the database's position held against what Kafka retains. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from fraudstream.offsets import Log
from fraudstream.record import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What the database knows of a partition: the offset to read next, the last record read and its fingerprint."""

    next_offset: int
    last_offset: int | None = None
    last_fingerprint: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A position that goes on, from where the database must have it; None: it has none."""

    place: Place
    expected: int | None
    position: Position


class Case(StrEnum):
    """How the two stand to each other; docs/archive.md tells what a user sees of each."""

    NEW = "new"
    NORMAL = "normal"
    RETENTION_PASSED = "retention_passed"
    MADE_ANEW = "made_anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Read on at `offset`; retention deleted `lost` offsets before it."""

    case: Case
    offset: int
    lost: int = 0


def resume(position: Position | None, log: Log) -> Resume:
    """Where to read on; the log's fingerprint is that at `last_offset`, None where that record is not retained."""
    if position is None:
        return Resume(case=Case.NEW, offset=log.start)
    replaced = None not in (position.last_fingerprint, log.fingerprint) and position.last_fingerprint != log.fingerprint
    if position.next_offset > log.end or replaced:
        return Resume(case=Case.MADE_ANEW, offset=log.start)
    if position.next_offset < log.start:
        return Resume(case=Case.RETENTION_PASSED, offset=log.start, lost=log.start - position.next_offset)
    return Resume(case=Case.NORMAL, offset=position.next_offset)
