"""Resume position of a partition: every case of committed offset against journal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudstream.offsets import NO_RECORD, Case, Decided, Log, Resume, fingerprint, resume

DECIDED = Decided(offset=99, base=90, fingerprint=7)


def log(start: int = 0, end: int = 200, found: int | None = 7) -> Log:
    """Return the partition's log in Kafka."""
    return Log(start=start, end=end, fingerprint=found)


CASES = [
    (None, None, log(), Case.NEW_PARTITION, 0, 0),
    (None, None, log(start=50), Case.NEW_PARTITION, 50, 0),
    (100, DECIDED, log(), Case.NORMAL, 100, 0),
    (90, DECIDED, log(), Case.REPLAY, 90, 0),
    (95, DECIDED, log(), Case.REPLAY, 95, 0),
    (100, DECIDED, log(start=150), Case.RETENTION_PASSED, 150, 50),
    (None, DECIDED, log(), Case.OFFSETS_EXPIRED, 100, 0),
    (None, DECIDED, log(start=120, found=None), Case.RETENTION_PASSED, 120, 20),
    (None, DECIDED, log(end=99), Case.TOPIC_RECREATED, 0, 0),
    (None, DECIDED, log(found=8), Case.TOPIC_RECREATED, 0, 0),
    (None, DECIDED, log(found=NO_RECORD), Case.TOPIC_RECREATED, 0, 0),
    (95, DECIDED, log(found=NO_RECORD), Case.TOPIC_RECREATED, 0, 0),
    (None, DECIDED, log(found=None), Case.OFFSETS_EXPIRED, 100, 0),
    (10, DECIDED, log(), Case.GROUP_RESET_BACK, 100, 0),
    (10, DECIDED, log(found=8), Case.TOPIC_RECREATED, 0, 0),
    (150, DECIDED, log(), Case.GROUP_AHEAD, 150, 0),
    (95, DECIDED, log(found=8), Case.TOPIC_RECREATED, 0, 0),
    (95, DECIDED, log(end=97), Case.TOPIC_RECREATED, 0, 0),
    (95, DECIDED, log(start=120, found=None), Case.RETENTION_PASSED, 120, 25),
    (150, None, log(), Case.CSV_BEGINS_HERE, 150, 0),
    (0, None, log(), Case.NORMAL, 0, 0),
    (5, None, log(start=9), Case.RETENTION_PASSED, 9, 4),
    (None, Decided(offset=99, base=99, fingerprint=None), log(), Case.OFFSETS_EXPIRED, 100, 0),
    (None, Decided(offset=99, base=99, fingerprint=None), log(found=NO_RECORD), Case.OFFSETS_EXPIRED, 100, 0),
]


@pytest.mark.parametrize(("committed", "decided", "held", "case", "position", "lost"), CASES)
def test_each_case(
    committed: int | None, decided: Decided | None, held: Log, case: Case, position: int, lost: int
) -> None:
    """The cases are those of the table in docs/architecture.md."""
    assert resume(committed, decided, held) == Resume(case=case, position=position, lost=lost)


def test_a_first_start_in_the_middle_has_lost_nothing() -> None:
    """The offset is the one just committed for the new group; with any other, its CSV is missing."""
    assert resume(150, None, log(), first=150) == Resume(case=Case.FIRST_START, position=150)
    assert resume(150, None, log(), first=140) == Resume(case=Case.CSV_BEGINS_HERE, position=150)
    assert resume(5, None, log(start=9), first=5) == Resume(case=Case.RETENTION_PASSED, position=9, lost=4)


@given(
    st.none() | st.integers(0, 300), st.integers(0, 299), st.integers(0, 20), st.integers(0, 300), st.integers(1, 50)
)
def test_nothing_jumps_silently(committed: int | None, last: int, length: int, start: int, more: int) -> None:
    """Records between the last decided one and the new position were committed as skipped, or are counted as lost."""
    decided = Decided(offset=last, base=max(0, last - length), fingerprint=1)
    end = max(start, last + 1) + more
    found = 1 if start <= last else None
    result = resume(committed, decided, Log(start=start, end=end, fingerprint=found))
    assert start <= result.position <= end
    if result.position > last + 1:
        assert result.case is Case.GROUP_AHEAD or result.lost > 0


def test_a_fingerprint_distinguishes_records() -> None:
    """Value and timestamp both count; every timestamp that Kafka accepts is valid."""
    prints = {fingerprint(ts, value) for ts in (-1, 0, 2**62, -(2**62) + 1) for value in (None, b"a", b"b")}
    assert len(prints) == 12
