"""The protocol of docs/architecture.md, "Exactly once", in every interleaving: it holds as built, and no mutant does.

In every state: a record is published at most once, as the CSV has it; no committed offset passes an unpublished one;
no CSV has a row twice; and from every state all records can be scored without another fault.
"""

import pytest
from tests.fuzz import examples
from tests.unit.protocol_kafka import Rules, ViolationError
from tests.unit.protocol_model import search

AS_BUILT = {
    "faults and retries": (Rules(), 19_296),
    "three members in three generations": (Rules(processes=3, generations=3, faults=0, retries=0), 7_873),
    "two partitions": (Rules(partitions=2, faults=0, retries=0), 28_414),
    "two partitions, one of which fails": (Rules(partitions=2, generations=1), 4_805),
    "transactions time out": (Rules(timeouts=True, retries=0), 2_146),
    "two batches": (Rules(records=2), 54_950),
    "a batch of two records": (Rules(records=3, batch=2, retries=0), 3_713),
    "two hosts with a CSV each": (Rules(hosts=2, records=2, retries=0), 3_341),
    "two processes start a new group": (Rules(starters=2, faults=0, retries=0), 940),
}
SEARCHED = {name: bound for name, bound in AS_BUILT.items() if bound[1] <= examples(100_000)}
"""All of them; `make unit` searches those with up to 10,000 states."""
TWICE, OTHERWISE, STUCK = "published twice", "not published as the CSV has it", "not everything is scored"
MUTANTS = {
    "no fence": (Rules(takeover=("read", "read again", "token", "register"), faults=0, retries=0), TWICE),
    "no second read": (Rules(takeover=("read", "fence", "token", "register"), faults=0, retries=0), TWICE),
    "no registration": (Rules(takeover=("read", "fence", "read again", "token"), faults=0, retries=0), TWICE),
    "any generation registers": (Rules(generation_checked=False, faults=0, retries=0), TWICE),
    "commits without metadata": (Rules(metadata=False, records=2, faults=0, retries=0), TWICE),
    "the id is used again after a commit in doubt": (Rules(fenced_in_doubt=False, retries=0), TWICE),
    "commit before append": (Rules(append_first=False, faults=0, retries=0), OTHERWISE),
    "no token": (Rules(token=False, faults=0, retries=0), OTHERWISE),
    "plain start": (Rules(starters=2, start_in_transaction=False, faults=0, retries=0), TWICE),
    "the first read is stable": (Rules(first_read_stable=True, retries=0), STUCK),
    "an abort without an answer counts": (Rules(abort_awaited=False, generations=1), STUCK),
}
"""Each in the smallest bound that has the violation, so that no fault or retry is needed to explain it."""


@pytest.mark.parametrize(("rules", "states"), SEARCHED.values(), ids=SEARCHED.keys())
def test_the_protocol_holds(rules: Rules, states: int) -> None:
    """The number of states shows that the search was complete."""
    assert search(rules) == states


@pytest.mark.parametrize(("rules", "violation"), MUTANTS.values(), ids=MUTANTS.keys())
def test_every_rule_is_needed(rules: Rules, violation: str) -> None:
    """Without the rule there is a path to a violation."""
    with pytest.raises(ViolationError, match=violation):
        search(rules)


def test_a_delayed_registration_is_a_limit() -> None:
    """Kafka can't distinguish it from a new one: the member and its generation are equal."""
    with pytest.raises(ViolationError, match=TWICE):
        search(Rules(delayed_registration=True, retries=0))
