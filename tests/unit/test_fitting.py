"""Records that are too large for their topic: the parts removed, their order, and their description in headers."""

import hashlib
import json
import struct
from collections.abc import Sequence

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from hypothesis import given
from hypothesis import strategies as st
from tests.scores import PAYMENT, Record
from tests.unit.test_scoring import TOPICS, scorer_of

from fraudstream.dead_letter import REDUCED_LETTER, Place, dead_letter, dead_letter_headers
from fraudstream.fitting import batch_bytes, encoded, fitted
from fraudstream.payment import InvalidPayment
from fraudstream.record import Headers, Message

OWN: Headers = dead_letter_headers(Place("in", 3, 42, 5), InvalidPayment(reason="empty", detail="why"))
LEAST = batch_bytes(None, None, OWN) + 1_000
"""With less, what describes the removed parts may not fit beside what is too small to be removed."""

contents = st.none() | st.binary(max_size=40) | st.integers(0, 6_000).map(lambda size: size * b"x")
many_headers = st.lists(st.tuples(st.text(max_size=30), contents), max_size=6)
messages = st.tuples(contents, contents, st.integers(-1, 2**62), many_headers)


def largest_batch(message: Message) -> int:
    """Return the size of aiokafka's batch for the message, in bytes."""
    key, value, timestamp_ms, headers = message
    batch = BatchBuilder(1, 0, is_transactional=1)
    batch.append(timestamp=timestamp_ms, key=key, value=value, headers=headers)
    return len(batch._build())


def parts_of(message: Message) -> dict[str, bytes]:
    """Return each removable part as the bytes of its SHA-256."""
    return {"key": message[0] or b"", "value": message[1] or b"", "headers": encoded(message[3])}


def removed_from(headers: Sequence[tuple[str, bytes | None]], prefix: str) -> dict[str, tuple[int, str]]:
    """Return the size and the SHA-256 of each removed part, read from the headers."""
    notes = {name: (value or b"").decode(errors="replace") for name, value in headers}
    return {
        part: (int(notes[f"{prefix}.{part}_bytes"]), notes[f"{prefix}.{part}_sha256"])
        for part in ("key", "value", "headers")
        if f"{prefix}.{part}_bytes" in notes
    }


@given(messages, st.integers(LEAST, LEAST + 12_000), st.booleans())
def test_every_message_fits(message: Message, limit: int, cuts_value: bool) -> None:
    """Every message fits, and each part is unchanged, or described as it was."""
    key, value, timestamp_ms, headers = message
    fit = fitted(message, OWN, limit, "p", cuts_value=cuts_value)
    notes = removed_from(fit[3], "p")
    left = limit if cuts_value else max(limit, batch_bytes(None, value, OWN) + 1_000)
    assert largest_batch(fit) <= batch_bytes(fit[0], fit[1], fit[3]) <= left
    assert notes == {
        part: (len(content), hashlib.sha256(content).hexdigest())
        for part, content in parts_of(message).items()
        if part in notes
    }
    assert fit[0] == (None if "key" in notes else key)
    assert fit[2] == timestamp_ms
    kept = [] if "headers" in notes else headers
    assert fit[3][: len(kept) + len(OWN)] == [*kept, *OWN]
    if "value" in notes:
        assert cuts_value
        assert fit[1] is not None
        assert (value or b"").startswith(fit[1])
        assert len(fit[1]) < len(value or b"")
    else:
        assert fit[1] == value
    if batch_bytes(key, value, [*headers, *OWN]) <= limit:
        assert not notes


@pytest.mark.parametrize(
    ("sizes", "removed"),
    [
        ((10, 10, 10), []),
        ((2_000, 10, 10), ["key"]),
        ((10, 2_000, 10), ["value"]),
        ((10, 10, 2_000), ["headers"]),
        ((1_100, 1_200, 10), ["value"]),
        ((1_200, 1_100, 10), ["key"]),
        ((2_100, 2_000, 1_900), ["key", "value", "headers"]),
    ],
)
def test_the_largest_part_is_removed_first(sizes: tuple[int, int, int], removed: list[str]) -> None:
    """Nothing more than necessary is removed; the value gets the remaining room."""
    key, value, header = sizes
    message: Message = key * b"k", value * b"v", 5, [("h", header * b"h")]
    limit = batch_bytes(None, None, OWN) + 1_600
    fit = fitted(message, OWN, limit, "p", cuts_value=True)
    assert list(removed_from(fit[3], "p")) == sorted(removed, key=["key", "value", "headers"].index)
    if "value" in removed:
        assert batch_bytes(fit[0], fit[1], fit[3]) == limit


@given(messages, st.integers(LEAST, LEAST + 6_000))
def test_a_reduced_letter_is_read_back(message: Message, limit: int) -> None:
    """The letter has the remaining part of the value, and the names of the missing parts."""
    key, value, timestamp_ms, headers = fitted(message, OWN, limit, REDUCED_LETTER, cuts_value=True)
    letter = dead_letter(0, Record(value, timestamp=timestamp_ms, key=key, headers=headers))
    assert letter is not None
    notes = removed_from(headers[len(headers) - 6 :], "dlq")
    assert letter.value_bytes == len(message[1] or b"")
    assert letter.is_cut == ("value" in notes)
    assert {one.part: (one.bytes, one.sha256) for one in letter.removed} == {
        part: note for part, note in notes.items() if part != "value"
    }


def test_headers_have_one_encoding() -> None:
    """Headers are encoded as length and name, length and value, as docs/dead-letters.md describes."""
    assert encoded([("ab", b"c"), ("", None)]) == struct.pack(">i2si1sii", 2, b"ab", 1, b"c", 0, -1)


def test_a_scored_record_keeps_its_value() -> None:
    """Only a key that is too large is removed, and only from its own record."""
    value = json.dumps(PAYMENT).encode()
    keys = [b"k", b"k" * 2_000, None]
    records = [Record(value, offset=number, key=key) for number, key in enumerate(keys)]
    (outcome,) = scorer_of(limit=2_000).decide({0: records}, {}, "2026-01-01T00:00:00.000Z")
    messages = outcome.messages[TOPICS.scored]
    assert [message[0] for message in messages] == [b"k", None, None]
    assert [json.loads(message[1] or b"")["payment_id"] for message in messages] == [PAYMENT["payment_id"]] * 3
    assert [removed_from(message[3], "scored") for message in messages] == [
        {},
        {"key": (2_000, hashlib.sha256(b"k" * 2_000).hexdigest())},
        {},
    ]
