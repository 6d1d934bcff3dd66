"""Offset at which a partition resumes: Kafka's committed offset, compared with the journal of the CSV's rows."""

import zlib
from dataclasses import dataclass
from enum import StrEnum

NO_RECORD = -1
"""Fingerprint of an offset at which this topic never had a record."""


def fingerprint(timestamp_ms: int, value: bytes | None) -> int:
    """Return a checksum that distinguishes a record from another at the same offset of a re-created topic."""
    return zlib.crc32(value or b"", zlib.crc32(timestamp_ms.to_bytes(8, "little", signed=True)))


class Case(StrEnum):
    """Relation of committed offset and journal; docs/operations.md describes the effects of each case."""

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
    """Journal entry of a partition: the last offset decided, and the position at which its batch began.

    The fingerprint is None if the journal was lost and the offset was found in the CSV.
    """

    offset: int
    base: int
    fingerprint: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Offsets that Kafka retains of a partition, start ≤ o < end, and the fingerprint at `Decided.offset`, if retained.

    The fingerprint is NO_RECORD at a transaction marker or an aborted record: the topic was re-created.
    """

    start: int
    end: int
    fingerprint: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Position to resume at; retention deleted `lost` records before it that were not scored."""

    case: Case
    position: int
    lost: int = 0


def needs_fingerprint(committed: int | None, decided: Decided) -> bool:
    """Return whether `resume` needs the fingerprint of the record that Kafka has at the last offset decided."""
    return committed != decided.offset + 1


def resume(committed: int | None, decided: Decided | None, log: Log, first: int | None = None) -> Resume:
    """Return where to resume, given the group's committed offset, the journal's entry and the offsets still retained.

    `first` is the offset that this process has just committed for a new group, if any.
    """
    if decided is None:
        return _resume_without_journal(committed, log, first)
    following = decided.offset + 1
    if not needs_fingerprint(committed, decided):
        return _resume_in_log(Case.NORMAL, following, log)
    if decided.offset >= log.end or _is_different(decided.fingerprint, log.fingerprint):
        return Resume(case=Case.TOPIC_RECREATED, position=log.start)
    if committed is None:
        return _resume_in_log(Case.OFFSETS_EXPIRED, following, log)
    if committed < decided.base:
        return _resume_in_log(Case.GROUP_RESET_BACK, following, log)
    return _resume_in_log(Case.REPLAY if committed < following else Case.GROUP_AHEAD, committed, log)


def _is_different(ours: int | None, theirs: int | None) -> bool:
    return ours is not None and theirs is not None and ours != theirs


def _resume_without_journal(committed: int | None, log: Log, first: int | None) -> Resume:
    if committed is None:
        return Resume(case=Case.NEW_PARTITION, position=log.start)
    if committed == first:
        return _resume_in_log(Case.FIRST_START, committed, log)
    return _resume_in_log(Case.CSV_BEGINS_HERE if committed > log.start else Case.NORMAL, committed, log)


def _resume_in_log(case: Case, position: int, log: Log) -> Resume:
    if position < log.start:
        return Resume(case=Case.RETENTION_PASSED, position=log.start, lost=log.start - position)
    return Resume(case=case, position=min(position, log.end))
