"""A scorer dies, at every step of the cycle: the next one continues, and each record is stored once."""

import time

import pytest

from fraudstream.kafka.consumer import _SESSION_TIMEOUT_MS
from fraudstream.runtime import failpoints
from tests.integration.broker import Cluster
from tests.integration.broker.deadline import wait_until
from tests.integration.scorer import READY, Surroundings
from tests.integration.service import Service
from tests.integration.trained import save_model
from tests.oracle import csv_rows, scored

ENDED_AT_ONCE = 130


def terminate_when_paused(scorer: Service) -> None:
    """Send SIGTERM to a scorer that a failpoint stops within a cycle, and resume it."""
    scorer.wait_until_paused()
    scorer.terminate()
    scorer.resume()


@pytest.mark.parametrize(
    ("step", "count"),
    [*((step, 1) for step in failpoints.SCORER_NAMES), ("torn", 4), ("stored", 4), ("offsets_sent", 4)],
)
def test_case_1_killed_at_each_step(surroundings: Surroundings, step: str, count: int) -> None:
    """Each record is stored once after a kill at every step of the cycle and of a takeover, early and later."""
    surroundings.send_payments(8_000)
    surroundings.score_until_killed(FAILPOINTS=f"{step}=kill@{count}", MAX_BATCH_RECORDS="500")
    surroundings.send_payments(1_000)
    surroundings.score()
    assert surroundings.assert_each_once() == 9_000


def test_case_1_the_new_owner_is_there_within_the_session_timeout(surroundings: Surroundings) -> None:
    """A killed replica's partitions move to the other one after at most 10 s and a rebalance."""
    with surroundings.scorer() as first, surroundings.scorer() as second:
        for service in (first, second):
            service.wait_for(READY)
        first.kill()
        surroundings.send_payments(400)
        surroundings.wait_until_committed(timeout_s=45)
    assert surroundings.assert_each_once() == 400


def test_case_1_a_killed_scorers_transaction_is_ended_by_its_successor(surroundings: Surroundings) -> None:
    """The transaction does not wait for its timeout of 60 s: readers get the scores 2 s after the session's end.

    This is the best of up to three failovers, as a machine may be busy; each must be much shorter than that timeout.
    """
    limit_s, took_s = _SESSION_TIMEOUT_MS / 1_000 + 2, list[float]()
    for total in (400, 800, 1_200):
        took_s.append(_failover_s(surroundings, total))
        if took_s[-1] <= limit_s:
            break
    assert min(took_s) <= limit_s, took_s
    assert surroundings.assert_each_once() == 400 * len(took_s)


def _failover_s(surroundings: Surroundings, total: int) -> float:
    """Kill a scorer within its transaction on 400 more payments; return the time until `total` scores can be read."""
    topic = surroundings.settings["SCORED_TOPIC"]
    with surroundings.scorer(FAILPOINTS="sent=kill") as first, surroundings.scorer() as second:
        for service in (first, second):
            service.wait_until_ready()
        surroundings.send_payments(400)
        first.wait_until_killed()
        killed_s = time.monotonic()
        wait_until(lambda: len(scored(surroundings.bootstrap, topic)) == total, 30, "all scores can be read")
        took_s = time.monotonic() - killed_s
        second.stop()
    return took_s


def test_case_5_sigterm_leaves_no_replay(surroundings: Surroundings) -> None:
    """A scorer stopped under load leaves no open transaction; the next start repeats nothing, not even aborted."""
    surroundings.send_payments(20_000)
    with surroundings.scorer(FAILPOINTS="sent=stop@3", MAX_BATCH_RECORDS="50") as first:
        terminate_when_paused(first)
        assert first.wait() == 0, first.output
        assert "Traceback" not in first.output
    rows = len(csv_rows(surroundings.csv))
    surroundings.score()
    assert 0 < rows < 20_000
    assert surroundings.assert_each_once() == 20_000
    assert surroundings.aborted_records() == 0


def test_case_6_a_second_sigterm_ends_it_immediately(own: Surroundings, own_cluster: Cluster) -> None:
    """A second SIGTERM ends even a scorer that waits for a silent broker; the next one completes its work."""
    own.send_payments(2_000)
    with own.scorer(FAILPOINTS="sent=stop@3", MAX_BATCH_RECORDS="100") as first:
        first.wait_until_paused()
        own_cluster.broker.pause()
        terminate_when_paused(first)
        first.wait_for("stopping")
        first.terminate()
        assert first.wait(timeout_s=10) == ENDED_AT_ONCE
        own_cluster.broker.resume()
    own.score()
    assert own.assert_each_once() == 2_000


def test_case_25_a_replay_keeps_the_scores_of_the_csv(surroundings: Surroundings) -> None:
    """After a kill between CSV and commit, and a start with another model, the topic has the CSV's scores."""
    first_model = surroundings.model
    surroundings.send_payments(2_000)
    surroundings.score_until_killed(FAILPOINTS="stored=kill@2", MAX_BATCH_RECORDS="500")
    second_model = save_model(surroundings.folder / "models", strength=0.01)
    surroundings.score()
    assert surroundings.assert_each_once() == 2_000
    versions = [row["model_version"] for rows in csv_rows(surroundings.csv).values() for row in rows]
    assert versions.count(first_model.version) == 1_000
    assert versions.count(second_model.version) == 1_000
