"""Changes of the group: members join and leave, partitions are added."""

from contextlib import ExitStack

import pytest

from tests.integration.broker.deadline import wait_until
from tests.integration.scorer import READY, Message, Surroundings, payment
from tests.integration.topic import add_partitions


def test_case_15_scaled_up_and_down_under_load(surroundings: Surroundings) -> None:
    """1 → 4 → 1 → 6 members on 4 partitions; those without any wait and rejoin."""
    total = 0
    with surroundings.assigned_scorer() as first:
        for members in (3, 5):
            with ExitStack() as stack:
                more = [stack.enter_context(surroundings.scorer()) for _ in range(members)]
                for _ in range(6):
                    surroundings.send_payments(1_000)
                    total += 1_000
                for service in more:
                    service.wait_for(READY)
                for service in more:
                    service.terminate()
                assert [service.wait() for service in more] == [0] * members
        surroundings.wait_until_committed()
        wait_until(
            lambda: first.lines(READY)[-1]["partitions"] == [0, 1, 2, 3], 60, "the first one owns all partitions again"
        )
        assert first.running
    assert surroundings.assert_each_once() == total


def test_case_16_partitions_added_while_running(surroundings: Surroundings) -> None:
    """New partitions are read from their beginning, by a group that began at the end."""
    with surroundings.assigned_scorer(AUTO_OFFSET_RESET="latest") as scorer:
        surroundings.send_and_wait(400)
        for topic in reversed(surroundings.topics):
            add_partitions(surroundings.bootstrap, topic, 8)
        surroundings.send_payments(800, partitions=8)
        wait_until(lambda: scorer.lines(READY)[-1]["partitions"] == list(range(8)), 60, "new partitions are assigned")
        surroundings.wait_until_committed()
    assert surroundings.assert_each_once() == 1_200


def test_case_16_too_few_partitions_in_an_output_topic(surroundings: Surroundings) -> None:
    """The new partition waits, with a clear error, until the topic has enough partitions; the others continue."""
    with surroundings.assigned_scorer() as scorer:
        add_partitions(surroundings.bootstrap, surroundings.settings["INPUT_TOPIC"], 5)
        surroundings.send([Message(payment(1), partition=4)])
        error = scorer.wait_for("partitions not ready")[-1]
        assert "has no partition 4" in error["reason"]
        assert "fraudstream topics" in error["reason"]
        surroundings.send_payments(400)
        for topic in surroundings.topics[1:]:
            add_partitions(surroundings.bootstrap, topic, 5)
        surroundings.wait_until_committed()
    assert surroundings.assert_each_once() == 401


@pytest.mark.partitions(1)
def test_more_members_than_partitions_stay_able_to_rejoin(surroundings: Surroundings) -> None:
    """Of three members of one partition the owner dies, twice, and another member takes over."""
    with ExitStack() as stack:
        members = [stack.enter_context(surroundings.scorer()) for _ in range(3)]
        for service in members:
            service.wait_for(READY)
        for _ in range(2):
            owner = next(service for service in members if service.lines(READY)[-1]["partitions"])
            owner.kill()
            members.remove(owner)
            wait_until(lambda: any(s.lines(READY)[-1]["partitions"] for s in members), 60, "another one owns it")
            surroundings.send_and_wait(50)
    assert surroundings.assert_each_once() == 100
