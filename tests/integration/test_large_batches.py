"""Batches of much memory or many objects: refused before they are decoded, or read in bounded parts."""

import resource
import time
from collections.abc import Callable

import cramjam
import pytest

from fraudstream.kafka.allowance import allowance
from fraudstream.kafka.compression import MAX_BATCH_BYTES, DecompressionError, decompress
from fraudstream.record import Unreadable
from tests.bombs import CODECS, MIB, compressed_batch, record, zeros
from tests.fetched import fetched, grown_by, offsets, read
from tests.integration.scorer import payment


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


def test_bytes_like_many_records_with_many_headers_are_searched_in_bounded_time() -> None:
    """After a damaged record, each 13 bytes start one of 32,000 headers, and are a header's value of earlier ones."""
    length, fields, count = b"\x80\x80\x18", b"\x00\x00\x04\x01\x01", b"\x80\x80\x04"
    beginning = length + fields + count
    repeated = b"\x00" + bytes([2 * len(beginning)]) + beginning
    data = compressed_batch("zstd", [b"\x03", repeated * 50_000, record(2, b"")])
    began_s = time.process_time()
    assert read(data, 0)
    assert time.process_time() - began_s < 5
