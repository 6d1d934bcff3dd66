"""Other members of the consumer group, and their effect on the scorers."""

import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from fraudstream.kafka.consumer import ASSIGNOR, CLIENT_ID
from fraudstream.kafka.group import Group, Member, _member
from fraudstream.runtime.escaping import visible
from scorer.group_watch import judge

SCORER = Member(client_id=f"{CLIENT_ID}-1", host="10.0.0.1", subscribed=frozenset({"payments"}))
places = st.builds(TopicPartition, st.sampled_from(["payments", "other"]), st.integers(0, 5))
others = st.builds(
    Member,
    client_id=st.text(max_size=300).filter(lambda name: not name.startswith(CLIENT_ID)),
    host=st.text(max_size=300),
    subscribed=st.frozensets(st.text(max_size=300), max_size=5),
    assigned=st.frozensets(places, max_size=5),
)


def group(*members: Member, assignor: str = ASSIGNOR) -> Group:
    """Return a stable group."""
    return Group(stable=True, assignor=assignor, members=members)


def test_scorers_alone() -> None:
    """Any number of scorers is nothing to report."""
    assert judge(group(), "payments", "g") is None
    assert judge(group(SCORER, SCORER), "payments", "g") is None


def test_scorers_of_an_earlier_release() -> None:
    """Scorers of an earlier release have another assignor, and block those of this release."""
    finding = judge(group(SCORER, assignor="sticky"), "payments", "g")
    assert finding is not None
    assert finding.blocks
    assert "stop all of them first" in finding.text


@given(found=st.lists(others, min_size=1, max_size=8), assignor=st.sampled_from([ASSIGNOR, "range", "", "\x1b[2J"]))
def test_any_other_member_is_reported_in_one_safe_line(found: list[Member], assignor: str) -> None:
    """A member blocks if it has the input's partitions, or an assignor that scorers lack."""
    finding = judge(group(SCORER, *found, assignor=assignor), "payments", "g")
    assert finding is not None
    assert visible(finding.text) == finding.text
    assert len(finding.text) < 2_000
    assert "CONSUMER_GROUP" in finding.text
    takes = any(place.topic == "payments" for member in found for place in member.assigned)
    assert finding.blocks == (takes or assignor != ASSIGNOR)


@given(metadata=st.binary(max_size=60), assignment=st.binary(max_size=60))
def test_a_member_with_arbitrary_metadata(metadata: bytes, assignment: bytes) -> None:
    """Bytes of another protocol give an empty subscription and assignment, or any that they happen to encode."""
    entry = {"client_id": "x", "client_host": "/10.0.0.9", "member_metadata": metadata, "member_assignment": assignment}
    found = _member(entry)
    assert (found.client_id, found.host) == ("x", "10.0.0.9")


@pytest.mark.parametrize("metadata", [b"", b"\x00\x00\x7f\xff\xff\xff", b"\x00\x00\xff\xff\xff\xff", b"\x00\x01" * 9])
def test_damaged_metadata(metadata: bytes) -> None:
    """Damaged metadata causes no error and gives no partitions."""
    entry = {"client_id": "x", "client_host": "", "member_metadata": metadata, "member_assignment": b""}
    assert _member(entry).assigned == frozenset()
