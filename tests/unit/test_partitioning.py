"""Partitions of keys."""

from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from fraudstream.kafka.partitioning import partitions_of

# results of org.apache.kafka.common.utils.Utils.murmur2, from Kafka's own tests
JAVA = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536, b"abc": 479470107}


@given(st.lists(st.binary(max_size=40), max_size=50), st.integers(1, 10_000))
def test_agrees_with_the_other_clients(keys: list[bytes], count: int) -> None:
    """The batch gives the partition of each single key, whatever the lengths of the keys."""
    assert partitions_of(keys, count) == [(murmur2(key) & 0x7FFFFFFF) % count for key in keys]


def test_agrees_with_java() -> None:
    """The hashes are known ones of the Java client."""
    assert partitions_of(list(JAVA), 1_000_003) == [(value & 0x7FFFFFFF) % 1_000_003 for value in JAVA.values()]
