"""Letters compared with the messages that they name."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz import examples
from tests.scores import Record

from cli.dlq.places import LetterPlace
from cli.dlq.sources import Claim, Sources
from fraudstream.dead_letter import DeadLetter, Place, dead_letter, dead_letter_headers, raw_headers
from fraudstream.fitting import fitted
from fraudstream.kafka.reading import TopicReader
from fraudstream.offsets import Log
from fraudstream.payment import InvalidPayment
from fraudstream.record import Unreadable

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
    """Return the scorer's letter for the message."""
    ours = dead_letter_headers(Place("in", 0, message.offset, message.timestamp), WHY)
    key, value, _, headers = fitted(
        (message.key, message.value, message.timestamp, list(message.headers)), ours, limit, "dlq", cuts_value=True
    )
    letter = dead_letter(0, Record(value, key=key, headers=headers))
    assert letter is not None
    return letter


@given(MESSAGES, st.sampled_from([1 << 20, 2_000, 1_000]))
def test_a_letter_matches_its_message(message: Record, limit: int) -> None:
    """A letter matches its message even if parts were cut or removed."""
    assert Claim.of(letter_of(message, limit)).is_met(message) is True


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
def test_a_letter_with_another_content_does_not_match(change: str) -> None:
    """A letter does not match a message with another value, key or headers."""
    message = Record(b"value", 3, 7, key=b"key", headers=[("trace", b"1")])
    assert Claim.of(letter_of(replace(message, **CHANGES[change]))).is_met(message) is False


def test_an_unknown_message() -> None:
    """For another message or an unreadable batch the result is unknown; a damaged record is compared byte for byte."""
    message = Record(b"value", 3, 7)
    assert Claim.of(letter_of(message)).is_met(replace(message, timestamp=8)) is None
    damaged = Unreadable(offset=3, last_offset=3, timestamp=7, damage="", raw=b"\xff", is_batch=False)
    ours = [*dead_letter_headers(Place("in", 0, 3, 7), WHY), *raw_headers(damaged)]
    letter = dead_letter(0, Record(b"\xff", headers=ours))
    assert letter is not None
    assert Claim.of(letter).is_met(damaged) is True
    assert Claim.of(letter).is_met(replace(damaged, raw=b"\xfe")) is False
    assert Claim.of(letter).is_met(message) is False
    assert Claim.of(letter).is_met(replace(damaged, is_batch=True)) is None


class Input:
    """An input topic that counts the records read."""

    topic = "in"

    def __init__(self, count: int) -> None:
        self.log = [Record(b"%d" % offset, offset, 7) for offset in range(count)]
        self.read = 0

    async def retained(self, partitions: Sequence[int]) -> dict[int, Log]:
        """Return logs with all records retained."""
        return {one: Log(start=0, end=len(self.log), fingerprint=None) for one in partitions}

    async def records(self, _: int, start: int, end: int) -> AsyncGenerator[Sequence[Record], None]:
        """Yield batches of ten records."""
        for first in range(start, end, 10):
            batch = self.log[first : min(first + 10, end)]
            self.read += len(batch)
            yield batch


@given(offsets=st.permutations(range(0, 400, 7)), forged=st.sets(st.integers(0, 399)))
@settings(max_examples=examples(30))
def test_each_message_is_read_once(offsets: list[int], forged: set[int]) -> None:
    """Each message is read once, for letters in any order, with several or none for a message."""
    source = Input(400)
    sources = Sources(reader=cast("TopicReader", source), partitions=range(1), log=structlog.get_logger())
    named = [*offsets, *offsets, 10**9]
    for number, offset in enumerate(named):
        value = b"forged" if offset in forged else b"%d" % offset
        sources.add([replace(letter_of(Record(value, offset, 7)), offset=number)])
    asyncio.run(sources.compare())
    places = {LetterPlace(0, number): offset for number, offset in enumerate(named[:-1])}
    assert sources.differing == {place for place, offset in places.items() if offset in forged}
    assert sources.verified == places.keys() - sources.differing
    assert source.read <= len(source.log)
