"""Compressed batches: each codec is read, damage is reported."""

import gzip
import random

import pytest
from tests.batches import HEADER_BYTES, batch, with_crc
from tests.fetched import BASE, RECORDS, read
from tests.fuzz import cases

from fraudstream.kafka.compression import DecompressionError, decompress

CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_compressed_batches_are_read_and_damaged_ones_reported(codec: int) -> None:
    """Mutated bytes with a correct checksum are read, read in part, or end the response."""
    data = batch(RECORDS, BASE, codec)
    assert [record.value for record in read(data)] == [record.value for record in RECORDS]
    rng = random.Random(codec)
    for _ in range(cases(2_000)):
        changed = bytearray(data)
        changed[rng.randrange(HEADER_BYTES, len(changed))] ^= rng.randrange(1, 256)
        assert read(with_crc(bytes(changed)))


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
