"""A scorer dies between CSV and commit, on a batch that did not begin at the end of the previous one.

The next owner must treat it as a batch to be published again, not as one that precedes the group's offset.
"""

import pytest

from tests.integration.broker.deadline import wait_until
from tests.integration.scorer import Surroundings
from tests.integration.topic import add_partitions, delete_records
from tests.oracle import csv_rows, row_count, scored

BETWEEN_CSV_AND_COMMIT = "stored=kill"


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
            wait_until(lambda: row_count(surroundings.csv) == before, 120, "the first ones are scored")
            scorer.stop()
    surroundings.send_payments_in_transaction(20, commit=commit)
    surroundings.send_payments(200)
    surroundings.score_until_killed(FAILPOINTS=BETWEEN_CSV_AND_COMMIT)
    surroundings.send_payments(40)
    surroundings.score()
    assert surroundings.assert_each_once() == 240 + before + 20 * commit


def test_on_a_new_partition(surroundings: Surroundings) -> None:
    """A new partition has no committed offset yet; that is not reported as an expired one."""
    surroundings.send_payments(400)
    surroundings.score()
    for topic in surroundings.topics:
        add_partitions(surroundings.bootstrap, topic, 8)
    surroundings.send_payments(800, partitions=8)
    surroundings.score_until_killed(FAILPOINTS=BETWEEN_CSV_AND_COMMIT)
    surroundings.send_payments(80, partitions=8)
    surroundings.score()
    assert surroundings.assert_each_once() == 1_280


@pytest.mark.parametrize(("to", "rows"), [(1, 800), (150, 600)])
def test_after_a_reset_by_hand(surroundings: Surroundings, to: int, rows: int) -> None:
    """After a reset back or forward, each scored record is once in both."""
    surroundings.send_payments(400)
    surroundings.score(MAX_BATCH_RECORDS="20")
    surroundings.send_payments(400)
    surroundings.reset(dict.fromkeys(range(4), to))
    surroundings.score_until_killed(FAILPOINTS=BETWEEN_CSV_AND_COMMIT)
    surroundings.score()
    assert_published(surroundings, rows)


def test_after_records_deleted_by_retention(surroundings: Surroundings) -> None:
    """The log begins after the committed offset."""
    surroundings.send_payments(400)
    surroundings.score(MAX_BATCH_RECORDS="20")
    surroundings.send_payments(400)
    delete_records(surroundings.bootstrap, surroundings.settings["INPUT_TOPIC"], dict.fromkeys(range(4), 150))
    surroundings.score_until_killed(FAILPOINTS=BETWEEN_CSV_AND_COMMIT)
    surroundings.score()
    assert_published(surroundings, 600)


@pytest.mark.parametrize("failpoint", [BETWEEN_CSV_AND_COMMIT, "registered=kill"])
def test_on_a_re_created_topic(surroundings: Surroundings, failpoint: str) -> None:
    """A scorer continues on a re-created topic, even after a death before the previous CSV is renamed."""
    surroundings.send_payments(400)
    surroundings.score()
    surroundings.recreate()
    surroundings.send_payments(800)
    surroundings.score_until_killed(FAILPOINTS=failpoint)
    surroundings.score()
    assert len(csv_rows(surroundings.csv.with_name("fraud_scores_stream.former-1.csv"))) == 400
    rows, events = csv_rows(surroundings.csv), scored(surroundings.bootstrap, surroundings.settings["SCORED_TOPIC"])
    assert len(rows) == 800
    assert all(len(found) == 1 for found in rows.values())
    # the previous topic had the first 100 offsets of each partition too
    assert {place: len(found) for place, found in events.items()} == {
        place: 2 if place[1] < 100 else 1 for place in rows
    }
