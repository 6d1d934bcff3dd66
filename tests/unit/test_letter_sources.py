"""Letters compared with the messages that they name."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scores import Record

from fraudstream.dead_letters import DeadLetter, Place, dead_letter, dead_letter_headers, raw_headers
from fraudstream.dlq.sources import is_of
from fraudstream.events import InvalidPayment
from fraudstream.fitting import fitted
from fraudstream.records import Unreadable

WHY = InvalidPayment(reason="empty", detail="why")
MESSAGES = st.builds(
    Record,
    value=st.none() | st.binary(max_size=3_000),
    offset=st.just(3),
    timestamp=st.just(7),
    key=st.none() | st.binary(max_size=600),
    headers=st.lists(
        st.tuples(
            st.sampled_from(["trace", "dlq.reason", "dlq.value_bytes", "é"]), st.none() | st.binary(max_size=300)
        ),
        max_size=4,
    ),
)


def letter_of(message: Record, limit: int = 1 << 20) -> DeadLetter:
    """The letter that the scorer writes of it."""
    ours = dead_letter_headers(Place("in", 0, message.offset, message.timestamp), WHY)
    key, value, _, headers = fitted(
        (message.key, message.value, message.timestamp, list(message.headers)), ours, limit, "dlq", cuts_value=True
    )
    letter = dead_letter(0, Record(value, key=key, headers=headers))
    assert letter is not None
    return letter


@given(MESSAGES, st.sampled_from([1 << 20, 2_000, 1_000]))
def test_a_letter_is_of_its_own_message(message: Record, limit: int) -> None:
    """Also where parts of it were cut or removed."""
    assert is_of(letter_of(message, limit), message) is True


CHANGES: dict[str, dict[str, Any]] = {
    "value": {"value": b"other"},
    "no value": {"value": None},
    "longer": {"value": b"value-"},
    "key": {"key": b"other"},
    "no key": {"key": None},
    "headers": {"headers": [("trace", b"2")]},
    "no headers": {"headers": []},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_letter_with_another_content_is_not(change: str) -> None:
    """In value, key or headers."""
    message = Record(b"value", 3, 7, key=b"key", headers=[("trace", b"1")])
    assert is_of(letter_of(replace(message, **CHANGES[change])), message) is False


def test_what_can_not_be_known() -> None:
    """Another message is there by now, or a batch is unreadable; a damaged record is compared byte for byte."""
    message = Record(b"value", 3, 7)
    assert is_of(letter_of(message), replace(message, timestamp=8)) is None
    damaged = Unreadable(offset=3, last_offset=3, timestamp=7, damage="", raw=b"\xff", is_batch=False)
    ours = [*dead_letter_headers(Place("in", 0, 3, 7), WHY), *raw_headers(damaged)]
    letter = dead_letter(0, Record(b"\xff", headers=ours))
    assert letter is not None
    assert is_of(letter, damaged) is True
    assert is_of(letter, replace(damaged, raw=b"\xfe")) is False
    assert is_of(letter, message) is False
    assert is_of(letter, replace(damaged, is_batch=True)) is None
