"""Letters and markers: written, read back, and not confused with each other."""

from hypothesis import given
from hypothesis import strategies as st
from tests.scores import Record

from fraudstream.dead_letter import (
    REDUCED_LETTER,
    REPLAY_OF,
    Place,
    dead_letter,
    dead_letter_headers,
    marker_headers,
    replay_headers,
    replayed,
)
from fraudstream.fitting import batch_bytes, fitted
from fraudstream.payment import InvalidPayment
from fraudstream.record import Headers

ROOM = 1_000
names = st.sampled_from(["dlq.reason", "dlq.offset", "dlq.replayed_offset", REPLAY_OF]) | st.text(max_size=20)
originals = st.lists(st.tuples(names, st.none() | st.binary(max_size=20)), max_size=5)


def test_a_dead_letter_has_its_source() -> None:
    """A letter has every header of the contract."""
    headers = dict(dead_letter_headers(Place("in", 3, 42, -1), InvalidPayment(reason="empty", detail="ü\ud800")))
    assert headers == {
        "dlq.reason": b"empty",
        "dlq.detail": "ü\\ud800".encode(),
        "dlq.topic": b"in",
        "dlq.partition": b"3",
        "dlq.offset": b"42",
        "dlq.timestamp": b"-1",
    }


def _letter(headers: Headers, value: bytes | None) -> Record:
    ours = dead_letter_headers(Place("in", 3, 42, 5), InvalidPayment(reason="empty", detail="why"))
    limit = batch_bytes(None, None, [*headers, *ours]) + ROOM
    message = None, value, 5, headers
    _, kept, _, whole = fitted(message, ours, limit, REDUCED_LETTER, cuts_value=True)
    return Record(kept, headers=whole, offset=7, timestamp=5)


@given(originals, st.none() | st.binary(max_size=30) | st.binary(min_size=ROOM + 1, max_size=2 * ROOM))
def test_a_letter_is_read_back(headers: Headers, value: bytes | None) -> None:
    """A letter is read back whatever headers the message had, also such as ours; it is never taken for a marker."""
    record = _letter(headers, value)
    letter = dead_letter(3, record)
    assert letter is not None
    assert (letter.partition, letter.offset, letter.source) == (3, 7, Place("in", 3, 42, 5))
    assert (letter.reason, letter.detail, letter.headers) == ("empty", "why", headers)
    assert letter.value_bytes == len(value or b"")
    assert letter.is_cut == (len(value or b"") > ROOM)
    assert replayed(3, record) is None


@given(originals, st.booleans(), st.booleans())
def test_a_marker_is_read_back(headers: Headers, edited: bool, again: bool) -> None:
    """A marker names its letter, and is never taken for one."""
    letter = dead_letter(3, _letter(headers, b"x"))
    assert letter is not None
    record = Record(None, headers=marker_headers(letter, edited=edited, again=again), offset=9, timestamp=6)
    marker = replayed(3, record)
    assert marker is not None
    assert (marker.partition, marker.offset, marker.letter_offset, marker.timestamp_ms) == (3, 9, 7, 6)
    assert (marker.edited, marker.again) == (edited, again)
    assert dead_letter(3, record) is None


@given(originals)
def test_a_record_not_written_by_us_is_neither(headers: Headers) -> None:
    """A record of another writer, or with half of our headers, is neither."""
    assert dead_letter(3, Record(b"x", headers=headers)) is None
    assert replayed(3, Record(b"x", headers=headers)) is None


def test_a_replay_links_to_its_own_letter() -> None:
    """A replay is linked to its own letter, not to an earlier one, where a replayed message was invalid again."""
    letter = dead_letter(3, _letter([("a", b"1"), (REPLAY_OF, b"dlq/3/1")], b"x"))
    assert letter is not None
    assert replay_headers(letter, "dlq") == [("a", b"1"), (REPLAY_OF, b"dlq/3/7")]
