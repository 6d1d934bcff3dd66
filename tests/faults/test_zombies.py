"""A stopped scorer is resumed: it finds that its partitions have another owner, and does no damage."""

import time

import pytest

from scorer.watchdog import EXIT_STALLED
from tests.integration.broker.deadline import wait_until
from tests.integration.scorer import READY, Message, Surroundings, payment
from tests.integration.service import Service
from tests.integration.trained import save_model
from tests.oracle import row_count, scored

STALL_S = "15"
"""Longer than the pauses of a busy machine, and than a query of the lag may take."""


@pytest.mark.parametrize("step", ["fetched", "decided", "sent", "stored", "committed"])
def test_case_3_paused_past_its_session(surroundings: Surroundings, step: str) -> None:
    """A scorer stopped at a step, replaced and resumed is refused, rejoins by itself, and works again."""
    surroundings.send_payments(2_000)
    with surroundings.scorer(FAILPOINTS=f"{step}=stop@2", MAX_BATCH_RECORDS="300") as zombie:
        zombie.wait_until_paused()
        with surroundings.scorer() as owner:
            owner.wait_for(READY)
            surroundings.wait_until_committed()
            zombie.resume()
            wait_until(lambda: len(zombie.lines(READY)) > 1, 60, "the zombie has joined again")
            surroundings.send_and_wait(1_000)
            assert zombie.running
            assert "Traceback" not in zombie.output + owner.output
    assert surroundings.assert_each_once() == 3_000


def test_case_3_resumed_after_a_shorter_batch(surroundings: Surroundings) -> None:
    """The zombie's longer batch overlaps the next owner's, which has another model: none of it is stored."""
    surroundings.send_payments(400, partitions=1)
    with surroundings.scorer(FAILPOINTS="sent=stop") as zombie:
        zombie.wait_until_paused()
        save_model(surroundings.folder / "models", strength=0.01)
        with surroundings.scorer(MAX_BATCH_RECORDS="50", FAILPOINTS="committed=stop") as owner:
            owner.wait_until_paused()
            zombie.resume()
            assert "another replica" in zombie.wait_for_reason("partitions taken over again")
            zombie.kill()
            owner.resume()
            surroundings.wait_until_committed()
    assert surroundings.assert_each_once() == 400


def test_case_4_stopped_inside_the_lock(surroundings: Surroundings) -> None:
    """The other replicas wait and log it; when the first is killed, the kernel frees the lock and they continue."""
    with surroundings.scorer() as first, surroundings.scorer(FAILPOINTS="torn=stop") as second:
        for service in (first, second):
            service.wait_for(READY)
        wait_until(lambda: len(first.lines(READY)[-1]["partitions"]) == 2, 60, "partitions are shared")
        # until the first is ready for its partitions it would be blocked in taking them over, and log that
        own = first.lines(READY)[-1]["partitions"]
        surroundings.send([Message(payment(number), partition=own[number % 2]) for number in range(1, 101)])
        surroundings.wait_until_committed()
        surroundings.send_payments(400)
        second.wait_until_paused()
        surroundings.send_payments(400)
        assert "held the lock" in first.wait_for_reason("scoring blocked")
        second.kill()
        surroundings.wait_until_committed()
        assert first.running
    assert surroundings.assert_each_once() == 900


def test_case_17_a_blocked_loop_is_ended_by_the_watchdog(surroundings: Surroundings) -> None:
    """No task runs in a blocked loop, so a thread ends the process; the next scorer continues."""
    surroundings.send_payments(1_000)
    with surroundings.scorer(FAILPOINTS="sent=block", STALL_TIMEOUT_S="6") as first:
        assert first.wait() == EXIT_STALLED
        (line,) = first.lines("stalled")
        assert 6 <= line["no_progress_for_s"] < 20
    surroundings.score()
    assert surroundings.assert_each_once() == 1_000


def assert_keeps_running(scorer: Service) -> None:
    """Assert that the scorer runs for longer than its stall timeout."""
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began > 1.6 * float(STALL_S) or not scorer.running, 60, "time has passed")
    assert scorer.running, scorer.output


def test_idle_is_not_a_stall(surroundings: Surroundings) -> None:
    """An idle process keeps running for longer than the stall timeout."""
    with surroundings.assigned_scorer(STALL_TIMEOUT_S=STALL_S) as scorer:
        assert_keeps_running(scorer)


def test_a_transactional_write_to_the_input_is_not_a_stall(surroundings: Surroundings) -> None:
    """The write's marker keeps the committed offset before the end for good; the position is compared instead."""
    surroundings.send_payments_in_transaction(100, commit=True)
    surroundings.send_payments_in_transaction(50, commit=False)
    with surroundings.scorer(STALL_TIMEOUT_S=STALL_S) as scorer:
        wait_until(lambda: row_count(surroundings.csv) == 100, 120, "the committed payments are scored")
        assert_keeps_running(scorer)
    assert surroundings.assert_each_once() == 100


def test_an_open_transaction_of_another_producer_is_not_a_stall(surroundings: Surroundings) -> None:
    """An open transaction holds the last stable offset and all records after it; that does not count as lag."""
    with surroundings.open_transaction(10):
        surroundings.send_payments(100)
        with surroundings.assigned_scorer(STALL_TIMEOUT_S=STALL_S) as scorer:
            assert_keeps_running(scorer)
    topic = surroundings.settings["SCORED_TOPIC"]
    with surroundings.scorer():
        wait_until(lambda: len(scored(surroundings.bootstrap, topic)) == 100, 120, "the held-back payments are scored")
    assert surroundings.assert_each_once() == 100
