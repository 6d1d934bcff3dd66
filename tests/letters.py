"""Dead letters, the markers of their replays, and an index of them, as a client returns them."""

from collections.abc import Sequence

from hypothesis import strategies as st

from cli.dlq.index import Index
from cli.dlq.plan import Target
from fraudstream.dead_letter import REDUCED_LETTER, DeadLetter, Place, dead_letter, dead_letter_headers, marker_headers
from fraudstream.fitting import batch_bytes, fitted
from fraudstream.payment import InvalidPayment
from tests.scores import FORMAT, Record

GOOD = b'{"payment_id":1,"amount":1,"country_risk_score":0,"failed_logins":0,"transaction_hour":0,"is_new_device":0}'
TARGET = Target(topic="in", partitions=4, message_bytes=10_000)

NOW_MS = 10_000
headers = st.lists(st.tuples(st.text(max_size=8), st.none() | st.binary(max_size=8)), max_size=3)
values = st.none() | st.binary(max_size=40) | st.text(max_size=20).map(str.encode)


def letter_record(
    offset: int,
    value: bytes | None = b"{",
    *,
    reason: str = "invalid_json",
    topic: str = "in",
    timestamp: int = 1_000,
    room: int = 5_000,
    limit: int | None = None,
    own: Sequence[tuple[str, bytes | None]] = (),
    key: bytes | None = b"k",
) -> Record:
    """Return a letter as the client returns it."""
    why = dead_letter_headers(Place(topic, 0, 70 + offset, timestamp), InvalidPayment(reason=reason, detail="d\x1b[1m"))
    cut = value is not None and len(value) > room
    notes = [("dlq.value_bytes", b"%d" % len(value or b"")), ("dlq.value_sha256", bytes(64))] if cut else []
    limit = limit or batch_bytes(key, None, [*own, *why, *notes]) + room
    kept_key, kept, _, headers = fitted((key, value, timestamp, list(own)), why, limit, REDUCED_LETTER, cuts_value=True)
    return Record(kept, offset, timestamp, key=kept_key, headers=headers)


def letter_of(record: Record, partition: int = 0) -> DeadLetter:
    """Return the letter read back from the record."""
    found = dead_letter(partition, record)
    assert found is not None
    return found


def marker_record(offset: int, letter: Record, *, again: bool = False) -> Record:
    """Return a marker for the replay of `letter`."""
    return Record(None, offset, 9_000, headers=marker_headers(letter_of(letter), edited=True, again=again))


def indexed(*records: Record, partition: int = 0, judged: bool = True) -> Index:
    """Return the index of these records of one partition."""
    index = Index(FORMAT.payment if judged else None)
    index.add(partition, records)
    return index
