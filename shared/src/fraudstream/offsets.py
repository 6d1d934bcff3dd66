"""Where a partition goes on: Kafka's committed offset held against the journal of what the CSV already has."""

import zlib
from dataclasses import dataclass
from enum import StrEnum

NO_RECORD = -1
"""In place of a fingerprint: that of no record, where this topic never had one at the offset."""


def fingerprint(timestamp_ms: int, value: bytes | None) -> int:
    """A checksum that tells a record from another at the same offset of a re-created topic."""
    return zlib.crc32(value or b"", zlib.crc32(timestamp_ms.to_bytes(8, "little", signed=True)))


class Case(StrEnum):
    """How committed offset and journal stand to each other; docs/operations.md tells what a user sees of each."""

    FIRST_START = "first_start"
    NEW_PARTITION = "new_partition"
    NORMAL = "normal"
    REPLAY = "replay"
    CSV_BEGINS_HERE = "csv_begins_here"
    OFFSETS_EXPIRED = "offsets_expired"
    RETENTION_PASSED = "retention_passed"
    GROUP_RESET_BACK = "group_reset_back"
    GROUP_AHEAD = "group_ahead"
    TOPIC_RECREATED = "topic_recreated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What the journal knows of a partition: the last offset decided, and the position at which its batch began.

    The fingerprint is None where the journal was lost and the offset was found in the CSV.
    """

    offset: int
    base: int
    fingerprint: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What Kafka holds of a partition: offsets start ≤ o < end; the fingerprint at `Decided.offset`, if retained.

    It is NO_RECORD where a transaction's marker or an aborted record is: then the topic is another one.
    """

    start: int
    end: int
    fingerprint: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Read on at `position`; `lost` records before it were deleted by retention before they were scored."""

    case: Case
    position: int
    lost: int = 0


def needs_fingerprint(committed: int | None, decided: Decided) -> bool:
    """Whether `resume` must be told the fingerprint that Kafka holds at the last offset decided."""
    return committed != decided.offset + 1


def resume(committed: int | None, decided: Decided | None, log: Log, first: int | None = None) -> Resume:
    """Where to read on, given the group's committed offset, the journal's knowledge and what the log still holds.

    `first` is the offset that this process has just committed for a new group, if it has.
    """
    if decided is None:
        return _without_journal(committed, log, first)
    following = decided.offset + 1
    if not needs_fingerprint(committed, decided):
        return _retained(Case.NORMAL, following, log)
    if decided.offset >= log.end or _differ(decided.fingerprint, log.fingerprint):
        return Resume(case=Case.TOPIC_RECREATED, position=log.start)
    if committed is None:
        return _retained(Case.OFFSETS_EXPIRED, following, log)
    if committed < decided.base:
        return _retained(Case.GROUP_RESET_BACK, following, log)
    return _retained(Case.REPLAY if committed < following else Case.GROUP_AHEAD, committed, log)


def _differ(ours: int | None, theirs: int | None) -> bool:
    return ours is not None and theirs is not None and ours != theirs


def _without_journal(committed: int | None, log: Log, first: int | None) -> Resume:
    if committed is None:
        return Resume(case=Case.NEW_PARTITION, position=log.start)
    if committed == first:
        return _retained(Case.FIRST_START, committed, log)
    return _retained(Case.CSV_BEGINS_HERE if committed > log.start else Case.NORMAL, committed, log)


def _retained(case: Case, position: int, log: Log) -> Resume:
    if position < log.start:
        return Resume(case=Case.RETENTION_PASSED, position=log.start, lost=log.start - position)
    return Resume(case=case, position=min(position, log.end))
