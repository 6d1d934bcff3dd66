"""Transactional ids: no two writers share one, as they would fence each other."""

import string

from hypothesis import given
from hypothesis import strategies as st

from fraudstream.kafka.producing import transactional_id
from fraudstream.runtime.settings import GroupSettings, TopicSettings

NAMES = st.text(alphabet=string.ascii_letters + string.digits + "._-", min_size=1, max_size=12)
USES = st.one_of(st.integers(0, 99), st.just("replay"))
WRITERS = st.tuples(NAMES, NAMES, USES)


@given(WRITERS, WRITERS)
def test_different_writers_have_different_ids(one: tuple[str, str, object], other: tuple[str, str, object]) -> None:
    """Names may have dashes."""
    assert (transactional_id(*one) == transactional_id(*other)) == (one == other)


@given(st.lists(st.sampled_from(["a", "-"]), min_size=3, max_size=9).map("".join), USES)
def test_a_text_that_is_split_elsewhere_is_another_id(text: str, use: object) -> None:
    """Group and topic consist of the same characters, divided at each dash."""
    pairs = [(text[:at], text[at + 1 :]) for at in range(1, len(text) - 1) if text[at] == "-"]
    assert len({transactional_id(group, topic, use) for group, topic in pairs}) == len(pairs)


def test_the_default_group_keeps_its_ids() -> None:
    """An upgrade fences the previous version's producers."""
    group, topics = GroupSettings.from_env({}).group, TopicSettings.from_env({})
    assert transactional_id(group, topics.input, 0) == "fraud_group-test-payments-0"
    assert transactional_id(group, topics.dlq, "replay") == "fraud_group-payments-dlq-replay"
