"""Partitions of keys."""

from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from fraudstream.kafka.partitioning import PartitionCount, partitions_of

# results of org.apache.kafka.common.utils.Utils.murmur2, from Kafka's own tests
JAVA = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536, b"abc": 479470107}


@given(st.lists(st.binary(max_size=40), max_size=50), st.integers(1, 10_000))
def test_agrees_with_the_other_clients(keys: list[bytes], count: int) -> None:
    """The batch gives the partition of each single key, whatever the lengths of the keys."""
    assert partitions_of(keys, count) == [(murmur2(key) & 0x7FFFFFFF) % count for key in keys]


def test_agrees_with_java() -> None:
    """The hashes are known ones of the Java client."""
    assert partitions_of(list(JAVA), 1_000_003) == [(value & 0x7FFFFFFF) % 1_000_003 for value in JAVA.values()]


@given(st.lists(st.tuples(st.integers(0, 12), st.floats(0, 5)), max_size=30))
def test_a_count_never_falls_because_of_a_broker_that_has_just_started(reports: list[tuple[int, float]]) -> None:
    """The count falls only if all reports of the last 20 s are lower."""
    clock = [0.0]
    count, history = PartitionCount(lambda: clock[0]), list[tuple[float, int]]()
    before = 0
    for reported, passed_s in reports:
        clock[0] += passed_s
        history.append((clock[0], reported))
        found = count.settled(reported)
        recent = [one for at_s, one in history if clock[0] - at_s <= 20]
        assert found >= reported
        assert found >= before or max(recent) < before
        before = found


def test_a_count_falls_when_the_topic_was_recreated() -> None:
    """The count falls when a re-created topic has fewer partitions for longer than metadata is kept."""
    clock = [0.0]
    count = PartitionCount(lambda: clock[0])
    assert count.settled(6) == 6
    for clock[0] in (0.0, 10.0, 20.0):
        assert count.settled(2) == 6
    clock[0] = 20.1
    assert count.settled(2) == 2
    assert count.settled(0) == 2
