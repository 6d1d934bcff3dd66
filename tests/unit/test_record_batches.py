"""Damaged record batches: nothing raises, damage stays local, memory is limited."""

import random
import resource
import struct
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.batches import HEADER_BYTES, Sent, batch, decoded, record_spans, with_crc
from tests.fetched import BASE, BATCHES, COUNT, RECORDS, fetched, offsets, read
from tests.fuzz import cases
from tests.integration.scorer import payment

from fraudstream.record import Unreadable

MUTATIONS_A_SEED = cases(10_000)
_ATTRIBUTES_AT, _LAST_DELTA_AT, _COUNT_AT = 21, 23, 57
_TRANSACTIONAL, _CONTROL = 0x10, 0x20


def test_sound_batches_are_read_from_any_offset() -> None:
    """The batch with the requested offset may begin before it."""
    data = b"".join(BATCHES)
    for offset in range(BASE, BASE + COUNT):
        assert offsets(read(data, offset)) == list(range(offset, BASE + 3 * COUNT))


@pytest.mark.parametrize("seed", range(11))
def test_damage_stays_where_it_is(seed: int) -> None:
    """A batch of three is mutated, half of the time with its checksum recomputed; an independent decoder judges.

    Nothing raises; the batch before is read; a batch that can't be read ends the response. Where only records
    were touched, every other one is read as it was sent, and each touched one as the decoder reads it, or `Unreadable`.
    """
    rng = random.Random(seed)
    spans = record_spans(BATCHES[1])
    seen = Counter[str]()
    for _ in range(MUTATIONS_A_SEED):
        touched, data, has_crc = mutated(rng)
        records = read(BATCHES[0] + data + BATCHES[2])
        assert offsets(records)[:COUNT] == list(range(BASE, BASE + COUNT))
        assert offsets(records) == sorted(set(offsets(records)))
        stopped = [record for record in records if isinstance(record, Unreadable) and record.is_batch]
        assert stopped in ([], records[-1:])
        seen["stopped" if stopped else "read"] += 1
        if has_crc and touched and min(touched) >= HEADER_BYTES and len(data) == len(BATCHES[1]):
            judge(records, data, {n for n, (begin, end) in enumerate(spans) for at in touched if begin <= at < end})
            seen["judged"] += 1
    assert min(seen["stopped"], seen["read"], seen["judged"]) > MUTATIONS_A_SEED // 10


def mutated(rng: random.Random) -> tuple[list[int], bytes, bool]:
    """Mutate the second batch; return the changed positions, the bytes, and whether the checksum was recomputed."""
    data = bytearray(BATCHES[1])
    first = 0 if rng.random() < 0.4 else HEADER_BYTES
    touched = [rng.randrange(first, len(data)) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    for at in touched:
        data[at] ^= rng.randrange(1, 256)
    if rng.random() < 0.1:
        del data[rng.randrange(len(data)) :]
    has_crc = rng.random() < 0.5
    return touched, with_crc(bytes(data)) if has_crc else bytes(data), has_crc


def judge(records: Sequence[Any], data: bytes, damaged: set[int]) -> None:
    """Compare the records of the mutated batch with the independent decoder's."""
    by_offset = {record.offset: record for record in records}
    assert list(by_offset) == list(range(BASE, BASE + 3 * COUNT))
    for number, span in enumerate(record_spans(BATCHES[1])):
        record = by_offset[BASE + COUNT + number]
        if number not in damaged:
            assert (record.timestamp, record.key, record.value) == RECORDS[number][:3]
        elif not isinstance(record, Unreadable):
            wanted = decoded(data, span)
            assert wanted is None or tuple(wanted) == (record.offset, record.timestamp, record.key, record.value)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_reported(data: bytes) -> None:
    """A fetch response is not empty, so any bytes give at least one record or report."""
    records = read(data, 0)
    assert bool(records) == bool(data)


def test_a_header_name_that_is_not_utf8_is_escaped() -> None:
    """Key and value are readable, so the payment is scored as any other; its neighbours are unaffected."""
    named = [record._replace(headers=(("traceXX", b"v"),)) if n == 2 else record for n, record in enumerate(RECORDS)]
    data = with_crc(batch(named, BASE).replace(b"XX", b"\xff\xfe"))
    records = read(data)
    assert [record.value for record in records] == [record.value for record in RECORDS]
    assert list(records[2].headers) == [("trace\\xff\\xfe", b"v")]
    assert not any(isinstance(record, Unreadable) for record in records)


def test_a_damaged_frame_keeps_its_bytes() -> None:
    """The letter has the record's own bytes; the neighbours are read."""
    begin, end = record_spans(BATCHES[0])[3]
    data = bytearray(BATCHES[0])
    data[begin + 5 : begin + 7] = b"\x7e\x7e"  # the lengths of key and value
    records = read(with_crc(bytes(data)))
    assert offsets(records) == list(range(BASE, BASE + COUNT))
    (damaged,) = [record for record in records if isinstance(record, Unreadable)]
    assert (damaged.offset, damaged.last_offset, damaged.is_batch) == (BASE + 3, BASE + 3, False)
    assert damaged.raw in bytes(data[begin:end])
    assert payment(4)[2:] in damaged.raw


def test_a_damaged_length_does_not_take_the_records_after_it() -> None:
    """The next valid record is found."""
    begin, _ = record_spans(BATCHES[0])[2]
    data = bytearray(BATCHES[0])
    data[begin] ^= 0x30
    records = read(with_crc(bytes(data)))
    assert [isinstance(record, Unreadable) for record in records] == [False, False, True, False, False, False]


def header(data: bytes, at: int, layout: str, value: int) -> bytes:
    """Return the batch with one field of its header changed, and a correct checksum."""
    changed = bytearray(data)
    struct.pack_into(layout, changed, at, value)
    return with_crc(bytes(changed))


CUT_SHORT = "it is truncated"
STOPPED = {
    "its checksum is wrong": BATCHES[1][:-1] + b"\x7f",
    CUT_SHORT: BATCHES[1][:40],
    "unknown compression codec 5": header(BATCHES[1], _ATTRIBUTES_AT, ">h", 5),
    "unknown record format 9": header(BATCHES[1], 16, ">b", 9),
    "its header is damaged": header(BATCHES[1], _LAST_DELTA_AT, ">i", -7),
    "its offsets are before": header(BATCHES[1], 0, ">q", 3),
    "can't be decompressed": header(BATCHES[1], _ATTRIBUTES_AT, ">h", 4),
}


@pytest.mark.parametrize("damage", STOPPED)
def test_a_batch_that_cannot_be_decoded_comes_last(damage: str) -> None:
    """It has its bytes, its offset and a reason; nothing after it is read, and the position stays."""
    data = STOPPED[damage]
    for before in (b"", BATCHES[0]) if damage != CUT_SHORT else (b"",):
        response = fetched(before + data, BASE if before else BASE + COUNT)
        *records, stopped = list(response)
        assert offsets(records) == list(range(BASE, BASE + COUNT) if before else ())
        assert isinstance(stopped, Unreadable)
        assert stopped.is_batch
        assert damage in stopped.damage
        assert stopped.offset == response.next_fetch_offset == BASE + COUNT
        assert stopped.raw == data


def test_a_batch_that_the_response_cuts_short_is_left_for_the_next_one() -> None:
    """Brokers cut the last batch of a response."""
    assert offsets(read(BATCHES[0] + STOPPED[CUT_SHORT])) == list(range(BASE, BASE + COUNT))


@pytest.mark.parametrize(("at", "layout"), [(_LAST_DELTA_AT, ">i"), (_COUNT_AT, ">i")])
def test_a_header_that_states_two_billion_records_allocates_nothing(at: int, layout: str) -> None:
    """Sizes are computed from the bytes, not from the header."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert read(header(BATCHES[0], at, layout, 2**31 - 1))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


@pytest.mark.parametrize("distance", [1 << 20, 2**31 - 3])
def test_a_record_with_a_distant_offset_allocates_nothing(distance: int) -> None:
    """A header states two billion records, and the one after a damaged record claims to be among the last of them."""
    near, far = (batch([record], BASE) for record in RECORDS[:2])
    damaged = b"\xff" * 6
    moved = bytearray(far[HEADER_BYTES:])
    moved[4:5] = zigzag(distance)
    length = len(zigzag(len(moved) - 2))
    assert length == 2
    moved[:2] = zigzag(len(moved) - 2)
    data = bytearray(near + damaged + moved)
    struct.pack_into(">i", data, 8, len(data) - 12)
    struct.pack_into(">i", data, _LAST_DELTA_AT, 2**31 - 2)
    struct.pack_into(">i", data, _COUNT_AT, 2**31 - 1)
    (stopped,) = read(with_crc(bytes(data)))
    assert stopped.is_batch
    assert "fewer records" in stopped.damage


def zigzag(number: int) -> bytes:
    """Return a number of 0 or more in the encoding of a record."""
    number, found = 2 * number, bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


@pytest.mark.parametrize("size", [2**63 - 1, 2**63 - 40, 2**63 - 1_000, 2**62])
def test_a_length_at_the_end_of_the_numbers(size: int) -> None:
    """The client's parser adds to the length; the error that it then raises does not end the reading."""
    body = b"\0" * 3 + zigzag(size) + b"key"
    data = bytearray(batch(RECORDS[:1], BASE) + zigzag(len(body)) + body)
    struct.pack_into(">i", data, 8, len(data) - 12)
    struct.pack_into(">i", data, _LAST_DELTA_AT, 1)
    struct.pack_into(">i", data, _COUNT_AT, 2)
    sound, damaged = read(with_crc(bytes(data)))
    assert sound.value == RECORDS[0].value
    assert (damaged.offset, damaged.is_batch) == (BASE + 1, False)


def test_compacted_batches_have_gaps() -> None:
    """Offsets that compaction removed are neither read nor reported, and the position is the batch's end."""
    gap = bytearray(batch(RECORDS[:2] + RECORDS[3:5], BASE))
    spans = record_spans(bytes(gap))
    for number, delta in ((2, 3), (3, 5)):
        gap[spans[number][0] + 4] = 2 * delta  # zigzag
    struct.pack_into(">i", gap, _LAST_DELTA_AT, 7)
    response = fetched(with_crc(bytes(gap)))
    assert offsets(list(response)) == [BASE, BASE + 1, BASE + 3, BASE + 5]
    assert response.next_fetch_offset == BASE + 8


def test_aborted_transactions_are_left_out_up_to_their_marker() -> None:
    """The next transaction of the producer is read."""

    def transactional(number: int, attributes: int = _TRANSACTIONAL) -> bytes:
        changed = bytearray(header(BATCHES[number], _ATTRIBUTES_AT, ">h", attributes))
        struct.pack_into(">q", changed, 43, 7)
        return with_crc(bytes(changed))

    marker = bytearray(batch([Sent(0, struct.pack(">hh", 0, 0), b"\0" * 6)], BASE + COUNT))
    struct.pack_into(">hiqqq", marker, _ATTRIBUTES_AT, _TRANSACTIONAL | _CONTROL, COUNT - 1, 0, 0, 7)
    data = transactional(0) + with_crc(bytes(marker)) + transactional(2)
    assert offsets(read(data, aborted=[(7, BASE)])) == list(range(BASE + 2 * COUNT, BASE + 3 * COUNT))
    keyless = batch([Sent(0, None, b"")], BASE + COUNT)
    broken = bytearray(keyless)
    struct.pack_into(">hiqqq", broken, _ATTRIBUTES_AT, _TRANSACTIONAL | _CONTROL, COUNT - 1, 0, 0, 7)
    assert "marker" in read(transactional(0) + with_crc(bytes(broken)), aborted=[(7, BASE)])[-1].damage
