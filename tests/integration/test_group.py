"""Other programs in the scorers' consumer group: reported by name, and never mistaken for a scorer."""

import asyncio
import json
from contextlib import ExitStack, suppress

import pytest
from aiokafka.errors import CommitFailedError

from tests.integration.group_member import RANGE, SameNameAssignor, member
from tests.integration.scorer import Surroundings
from tests.integration.service import Service
from tests.integration.topic import commit, create

FOUND = "another program in the consumer group"
OVER = "other programs left the consumer group"


def _wait_for_health(scorer: Service, *words: str) -> str:
    """Wait until the state that its health check reads holds all of these words; return it."""
    state = ""

    def found() -> bool:
        nonlocal state
        with suppress(FileNotFoundError):
            state = scorer.heartbeat
        return all(word in state for word in words)

    try:
        scorer.wait_until(found, 60, f"health names {words}")
    except AssertionError as error:
        error.add_note(state)
        raise
    return state


@pytest.mark.parametrize("first_start", [True, False])
def test_another_assignor_keeps_scorers_out(surroundings: Surroundings, first_start: bool) -> None:
    """Health and log name the program and CONSUMER_GROUP, the log once; scoring begins when it has left."""
    group, topic = surroundings.group, surroundings.topics[0]
    if not first_start:
        with surroundings.ready_scorer() as scorer:
            scorer.stop()
    with ExitStack() as foreign:
        foreign.enter_context(member(surroundings.bootstrap, group, topic, RANGE))
        with surroundings.scorer(METRICS_PORT="0") as scorer:
            words = ("CONSUMER_GROUP", "other-program", group, "no scorer can join")
            assert not _wait_for_health(scorer, *words).startswith("ready")
            status, body = scorer.get("/readyz")
            assert status == 503
            assert all(word in json.loads(body)["status"] for word in words)
            surroundings.send_payments(400)
            foreign.close()
            scorer.wait_for(OVER)
            scorer.wait_until_ready()
            surroundings.wait_until_committed()
            assert len(scorer.lines(FOUND)) == 1
            assert len(scorer.lines("membership lost")) + len(scorer.lines("not ready")) == 1
            scorer.stop()
    assert surroundings.assert_each_once() == 400


def test_partitions_that_another_program_has(surroundings: Surroundings) -> None:
    """As its partitions' payments would never be scored, no replica is ready until the program has left."""
    group, topic = surroundings.group, surroundings.topics[0]
    with surroundings.ready_scorer() as scorer:
        with member(surroundings.bootstrap, group, topic, SameNameAssignor):
            health = _wait_for_health(scorer, "CONSUMER_GROUP", "other-program", group, topic, "not scored")
            assert not health.startswith("ready")
            assert scorer.wait_for(FOUND)[-1]["reason"] == health
        scorer.wait_for(OVER)
        scorer.wait_until_ready()
        surroundings.send_and_wait(400)
        scorer.stop()
    assert surroundings.assert_each_once() == 400


def test_a_member_that_reads_another_topic(surroundings: Surroundings) -> None:
    """A member that reads another topic takes nothing from the scorers: they stay ready, with a remark."""
    group, other = surroundings.group, f"{surroundings.settings['INPUT_TOPIC']}-other"
    create(surroundings.bootstrap, other, 2)
    with surroundings.ready_scorer() as scorer:
        with member(surroundings.bootstrap, group, other, SameNameAssignor, client_id="report\x1b[31m"):
            health = _wait_for_health(scorer, "ready; ", "CONSUMER_GROUP", "report\\x1b[31m", other)
            assert health.isprintable()
            surroundings.send_and_wait(400)
        scorer.wait_for(OVER)
        scorer.wait_until_ready()
        scorer.stop()
    assert surroundings.assert_each_once() == 400


def test_offsets_that_another_program_commits(surroundings: Surroundings) -> None:
    """The broker refuses the offsets while a scorer is a member; nothing changes."""
    group, topic = surroundings.group, surroundings.topics[0]
    with surroundings.ready_scorer() as scorer:
        surroundings.send_and_wait(400)
        with pytest.raises(CommitFailedError):
            asyncio.run(commit(surroundings.bootstrap, group, topic, {0: 7}))
        surroundings.send_and_wait(400)
        scorer.stop()
    assert surroundings.assert_each_once() == 800


def test_replicas_are_no_other_programs(surroundings: Surroundings) -> None:
    """Replicas recognize each other by their client ids."""
    with surroundings.scorer() as first, surroundings.scorer() as second:
        for scorer in (first, second):
            scorer.wait_until_ready()
        surroundings.send_and_wait(400)
        for scorer in (first, second):
            assert scorer.lines(FOUND) == []
            scorer.stop()
    assert surroundings.assert_each_once() == 400
