"""A scorer dies between CSV and commit, on a batch that did not begin at the end of the previous one.

The next owner must treat it as a batch to be published again, not as one that precedes the group's offset.
"""

import pytest

from tests.integration.broker.deadline import wait_until
from tests.integration.scorer import Surroundings
from tests.integration.topic import add_partitions, delete_records, delete_topic, reset_group
from tests.oracle import csv_rows, scored

SIGKILLED = -9
BETWEEN_CSV_AND_COMMIT = "stored=kill"


def score_all(scene: Surroundings, **settings: str) -> None:
    """Let a scorer score all records, and stop it."""
    with scene.scorer(**settings) as scorer:
        scene.wait_until_committed()
        scorer.terminate()
        assert scorer.wait() == 0, scorer.output


def kill_at(scene: Surroundings, failpoint: str = BETWEEN_CSV_AND_COMMIT) -> None:
    """Let a scorer die."""
    with scene.scorer(FAILPOINTS=failpoint) as scorer:
        assert scorer.wait(timeout_s=60) == SIGKILLED, scorer.output


def assert_published(scene: Surroundings, rows: int) -> None:
    """Assert that every row of the CSV is in the topic, once."""
    in_file, in_topic = csv_rows(scene.csv), scored(scene.bootstrap, scene.settings["SCORED_TOPIC"])
    assert in_file.keys() == in_topic.keys()
    assert all(len(found) == 1 for found in in_file.values())
    assert all(len(found) == 1 for found in in_topic.values())
    assert len(in_file) == rows


@pytest.mark.parametrize("commit", [False, True])
@pytest.mark.parametrize("before", [0, 6])
def test_after_offsets_without_a_record(surroundings: Surroundings, before: int, *, commit: bool) -> None:
    """Transactions of other producers, aborted or committed, leave offsets that no reader sees."""
    surroundings.send_payments_in_transaction(before, commit=True)
    if before:
        with surroundings.scorer() as scorer:
            wait_until(lambda: len(csv_rows(surroundings.csv)) == before, 30, "the first ones are scored")
            scorer.terminate()
            assert scorer.wait() == 0
    surroundings.send_payments_in_transaction(20, commit=commit)
    surroundings.send_payments(200)
    kill_at(surroundings)
    surroundings.send_payments(40)
    with surroundings.scorer():
        surroundings.wait_until_committed()
    assert surroundings.assert_each_once() == 240 + before + 20 * commit


def test_on_a_new_partition(surroundings: Surroundings) -> None:
    """A new partition has no committed offset yet; that is not reported as an expired one."""
    surroundings.send_payments(400)
    score_all(surroundings)
    for topic in surroundings.topics:
        add_partitions(surroundings.bootstrap, topic, 8)
    surroundings.send_payments(800, partitions=8)
    kill_at(surroundings)
    surroundings.send_payments(80, partitions=8)
    with surroundings.scorer():
        surroundings.wait_until_committed()
    assert surroundings.assert_each_once() == 1_280


@pytest.mark.parametrize(("to", "rows"), [(1, 800), (150, 600)])
def test_after_a_reset_by_hand(surroundings: Surroundings, to: int, rows: int) -> None:
    """After a reset back or forward, each scored record is once in both."""
    surroundings.send_payments(400)
    score_all(surroundings, MAX_BATCH_RECORDS="20")
    surroundings.send_payments(400)
    group, topic = surroundings.settings["CONSUMER_GROUP"], surroundings.settings["INPUT_TOPIC"]
    reset_group(surroundings.bootstrap, group, topic, dict.fromkeys(range(4), to))
    kill_at(surroundings)
    with surroundings.scorer():
        surroundings.wait_until_committed()
    assert_published(surroundings, rows)


def test_after_records_deleted_by_retention(surroundings: Surroundings) -> None:
    """The log begins after the committed offset."""
    surroundings.send_payments(400)
    score_all(surroundings, MAX_BATCH_RECORDS="20")
    surroundings.send_payments(400)
    delete_records(surroundings.bootstrap, surroundings.settings["INPUT_TOPIC"], dict.fromkeys(range(4), 150))
    kill_at(surroundings)
    with surroundings.scorer():
        surroundings.wait_until_committed()
    assert_published(surroundings, 600)


@pytest.mark.parametrize("failpoint", [BETWEEN_CSV_AND_COMMIT, "registered=kill"])
def test_on_a_re_created_topic(surroundings: Surroundings, failpoint: str) -> None:
    """A scorer continues on a re-created topic, even after a death before the previous CSV is renamed."""
    surroundings.send_payments(400)
    score_all(surroundings)
    delete_topic(surroundings.bootstrap, surroundings.settings["INPUT_TOPIC"])
    surroundings.make_topics({surroundings.settings["INPUT_TOPIC"]: surroundings.partitions})
    surroundings.send_payments(800)
    kill_at(surroundings, failpoint)
    with surroundings.scorer():
        surroundings.wait_until_committed()
    assert len(csv_rows(surroundings.csv.with_name("fraud_scores_stream.former-1.csv"))) == 400
    rows, events = csv_rows(surroundings.csv), scored(surroundings.bootstrap, surroundings.settings["SCORED_TOPIC"])
    assert len(rows) == 800
    assert all(len(found) == 1 for found in rows.values())
    # the previous topic had the first 100 offsets of each partition too
    assert {place: len(found) for place, found in events.items()} == {
        place: 2 if place[1] < 100 else 1 for place in rows
    }
