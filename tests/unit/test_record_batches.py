"""Damaged record batches: nothing raises, damage stays local, memory is limited."""

import gzip
import random
import resource
import struct
import time
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import cramjam
import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st
from tests.batches import HEADER_BYTES, Sent, batch, decoded, record_spans, with_crc
from tests.bombs import MIB, compressed_batch, record, zeros
from tests.integration.scorer import payment

from fraudstream.kafka.allowance import allowance
from fraudstream.kafka.compression import MAX_BATCH_BYTES, DecompressionError, decompress
from fraudstream.kafka.partition_records import FetchedBytes, PartitionRecords
from fraudstream.record import Unreadable

PLACE = TopicPartition("payments", 0)
COUNT = 6
BASE = 100
RECORDS = [
    Sent(
        1_790_000_000_000 + 7 * number,
        b"key-%08d" % number if number % 3 else None,
        payment(number + 1),
        (("trace", b"v"), ("empty", None)) if number % 2 else (),
    )
    for number in range(COUNT)
]
BATCHES = [batch(RECORDS, BASE + COUNT * number) for number in range(3)]
MUTATIONS_A_SEED = 10_000
_ATTRIBUTES_AT, _LAST_DELTA_AT, _COUNT_AT = 21, 23, 57
_TRANSACTIONAL, _CONTROL = 0x10, 0x20


def fetched(data: bytes, offset: int = BASE, aborted: Sequence[tuple[int, int]] = ()) -> PartitionRecords:
    """Return a fetch response of these bytes, as aiokafka's fetcher reads it."""
    allowance.renew()
    return PartitionRecords(PLACE, FetchedBytes(data), aborted, offset, None, None, check_crcs=True, isolation_level=1)


def read(data: bytes, offset: int = BASE, aborted: Sequence[tuple[int, int]] = ()) -> list[Any]:
    """Return the records of the response."""
    return list(fetched(data, offset, aborted))


def offsets(records: Sequence[Any]) -> list[int]:
    """Return the offsets of the records."""
    return [record.offset for record in records]


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


def legacy(magic: int, offset: int, key: bytes | None, value: bytes, codec: int = 0) -> bytes:
    """Return a message of the older formats."""
    body = struct.pack(">bb", magic, codec) + (struct.pack(">q", 1_000) if magic else b"")
    for content in (key, value):
        body += struct.pack(">i", -1) if content is None else struct.pack(">i", len(content)) + content
    return struct.pack(">qiI", offset, 4 + len(body), zlib.crc32(body)) + body


@pytest.mark.parametrize(("magic", "timestamp"), [(0, -1), (1, 1_000)])
def test_messages_of_the_older_formats(magic: int, timestamp: int) -> None:
    """The oldest format has no timestamp; a damaged message is a batch that can't be decoded."""
    data = b"".join(legacy(magic, BASE + n, b"k", payment(n)) for n in range(3))
    records = read(data)
    assert [(one.offset, one.timestamp, one.value) for one in records] == [
        (BASE + n, timestamp, payment(n)) for n in range(3)
    ]
    rng = random.Random(magic)
    for _ in range(5_000):
        changed = bytearray(legacy(magic, BASE + 3, b"k", payment(3)))
        changed[rng.randrange(12, len(changed))] = rng.randrange(256)
        struct.pack_into(">I", changed, 12, zlib.crc32(bytes(changed[16:])))
        assert offsets(read(data + bytes(changed)))[:3] == [BASE, BASE + 1, BASE + 2]


@pytest.mark.parametrize("magic", [0, 1])
def test_compressed_messages_of_the_older_formats(magic: int) -> None:
    """Their offsets are found; damage in them neither ends the process nor keeps it busy."""
    inner = b"".join(legacy(magic, n, None, payment(n)) for n in range(3))
    records = read(legacy(magic, BASE + 2, None, gzip.compress(inner), codec=1))
    assert [(one.offset, one.value) for one in records] == [(BASE + n, payment(n)) for n in range(3)]
    rng = random.Random(magic)
    for _ in range(5_000):
        changed = bytearray(inner)
        changed[rng.randrange(len(changed))] = rng.choice((0, 0x7F, 0x80, 0xFF, 0xF4))
        assert read(legacy(magic, BASE + 2, None, gzip.compress(bytes(changed), 1), codec=1))


def test_messages_of_the_older_formats_with_repeated_offsets() -> None:
    """No message is returned twice."""
    inner = b"".join(legacy(1, n, None, b"v") for n in (0, 1, 0, 1))
    (stopped,) = read(legacy(1, BASE + 1, None, gzip.compress(inner), codec=1))
    assert "not ascending" in stopped.damage


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


CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_compressed_batches_are_read_and_damaged_ones_reported(codec: int) -> None:
    """Mutated bytes with a correct checksum are read, read in part, or end the response."""
    data = batch(RECORDS, BASE, codec)
    assert [record.value for record in read(data)] == [record.value for record in RECORDS]
    rng = random.Random(codec)
    for _ in range(2_000):
        changed = bytearray(data)
        changed[rng.randrange(HEADER_BYTES, len(changed))] ^= rng.randrange(1, 256)
        assert read(with_crc(bytes(changed)))


def gzip_bomb() -> bytes:
    """Return 1 GiB of zeros, in members."""
    return bytes(cramjam.gzip.compress(bytes(1 << 26))) * 16


def snappy_bomb() -> bytes:
    """Return a block that states 1 GiB."""
    return b"\x80\x80\x80\x80\x04" + bytes(cramjam.snappy.compress_raw(bytes(1 << 20)))[3:]


def snappy_blocks() -> bytes:
    """Return small blocks of 128 MiB together, in the framing of Java's clients."""
    block = bytes(cramjam.snappy.compress_raw(bytes(1 << 20)))
    return b"\x82SNAPPY\0" + bytes(8) + (len(block).to_bytes(4, "big") + block) * 128


BOMBS: dict[str, tuple[int, Callable[[], bytes]]] = {
    "gzip": (1, gzip_bomb),
    "snappy": (2, snappy_bomb),
    "snappy blocks": (2, snappy_blocks),
    "lz4": (3, lambda: bytes(cramjam.lz4.compress(bytes(1 << 27)))),
    "zstd": (4, lambda: bytes(cramjam.zstd.compress(bytes(1 << 27)))),
}


@pytest.mark.parametrize("name", BOMBS)
def test_data_that_expands_too_far_is_refused_before_it_does(name: str) -> None:
    """The memory stays within the limit for one batch and its copy."""
    codec, make = BOMBS[name]
    bomb = make()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DecompressionError, match="expands to more than 64 MiB"):
        decompress(codec, bomb)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 3 * MAX_BATCH_BYTES >> 10


@pytest.mark.parametrize("tail", [b"\0" * 9, b"garbage!"])
def test_bytes_after_gzip_data_are_ignored(tail: bytes) -> None:
    """Brokers accept such a batch, and Java's clients read it."""
    assert bytes(decompress(1, gzip.compress(b"payment") + tail)) == b"payment"


def test_gzip_members_are_limited_in_number() -> None:
    """Each member costs a copy of all that follow it."""
    member = gzip.compress(b"payment")
    assert bytes(decompress(1, 100 * member)) == 100 * b"payment"
    with pytest.raises(DecompressionError, match="more than 100 gzip members"):
        decompress(1, 100_000 * member)


LARGE: dict[str, tuple[Callable[[], list[bytes]], str]] = {
    "4,000,000 records": (lambda: [record(number, None) for number in range(4_000_000)], "more than 250,000 records"),
    "30,000,000 headers": (lambda: [record(0, None, 30_000_000)], "more than 250,000 records and headers"),
    "headers of many records": (lambda: [record(number, None, 3_000) for number in range(1_000)], "250,000 records"),
    "headers after damage": (lambda: [b"\x03", record(1, None, 30_000_000)], ""),
}


@pytest.mark.parametrize("name", LARGE)
def test_many_objects_in_a_few_kilobytes_are_refused_before_they_are_made(name: str) -> None:
    """A batch within the byte limit could take gigabytes once each record and header is an object."""
    make, damage = LARGE[name]
    data = compressed_batch("zstd", make())
    (found,), grown = grown_by(lambda: read(data, 0))
    assert isinstance(found, Unreadable)
    assert damage in found.damage
    assert grown < 256 << 10


@pytest.mark.parametrize("codec", CODECS)
def test_one_fetch_returns_a_bounded_part_of_many_large_batches(codec: str) -> None:
    """All partitions share the allowance; the next fetch continues after the last record."""
    sizes = [MIB] * 40
    data = compressed_batch(codec, [record(number, bytes(size)) for number, size in enumerate(sizes)])
    partitions, offset = [fetched(data, 0) for _ in range(6)], 0
    allowance.renew()
    rounds, grown = grown_by(lambda: [list(partition) for partition in partitions])
    assert offsets(rounds[0]) == list(range(16))
    assert rounds[1:] == [[]] * 5
    assert grown < 256 << 10
    while offset < len(sizes):
        some = read(data, offset)
        assert offsets(some) == list(range(offset, offset + len(some)))
        assert 0 < sum(len(one.value) for one in some) <= 17 * MIB
        offset += len(some)


def test_a_record_beyond_the_allowance_is_returned_alone() -> None:
    """Otherwise its partition would never continue."""
    data = zeros(60 * MIB, "zstd")
    assert [len(one.value) for one in read(data, 0)] == [60 * MIB]
    both = fetched(data + data, 0)
    assert len(list(both)) == 1


def test_a_normal_producers_largest_batch_is_read() -> None:
    """A batch of 1 MB holds 200,000 payments if they compress 30 to 1."""
    value = payment(1)
    data = compressed_batch("zstd", [record(number, value) for number in range(200_000)])
    found = read(data, 0)
    assert offsets(found) == list(range(len(found)))
    assert len(found) > 10_000
    assert {one.value for one in found} == {value}


def grown_by(work: Callable[[], Any]) -> tuple[Any, int]:
    """Return the result, and the growth of the process in KiB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = work()
    return result, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


def test_bytes_like_many_records_with_many_headers_are_searched_in_bounded_time() -> None:
    """After a damaged record, each 13 bytes start one of 32,000 headers, and are a header's value of earlier ones."""
    length, fields, count = b"\x80\x80\x18", b"\x00\x00\x04\x01\x01", b"\x80\x80\x04"
    beginning = length + fields + count
    repeated = b"\x00" + bytes([2 * len(beginning)]) + beginning
    data = compressed_batch("zstd", [b"\x03", repeated * 50_000, record(2, b"")])
    began_s = time.process_time()
    assert read(data, 0)
    assert time.process_time() - began_s < 5
