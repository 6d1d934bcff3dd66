"""Topics are deleted, re-created, or lose their beginning; offsets are reset by hand."""

import pytest

from tests.integration.broker.deadline import wait_until
from tests.integration.scorer import READY, Message, Surroundings
from tests.integration.topic import delete_records, delete_topic
from tests.oracle import csv_rows, row_count, scored


def renamed_row_counts(surroundings: Surroundings) -> list[int]:
    """Return the number of rows of each renamed CSV."""
    return [len(csv_rows(file)) for file in sorted(surroundings.csv.parent.glob("*.former-*.csv"))]


@pytest.mark.parametrize("running", [False, True])
def test_case_22_the_topic_is_re_created(surroundings: Surroundings, running: bool) -> None:
    """The CSV of the previous topic is renamed; the new topic is read from its beginning, also with `latest`."""
    with surroundings.assigned_scorer(AUTO_OFFSET_RESET="latest") as scorer:
        surroundings.send_and_wait(400)
        if not running:
            scorer.stop()
        surroundings.recreate()
        surroundings.send_payments(80)
        with surroundings.scorer(AUTO_OFFSET_RESET="latest"):
            wait_until(lambda: row_count(surroundings.csv) == 80, 120, "the new topic is scored")
    assert set(csv_rows(surroundings.csv)) == {(partition, offset) for partition in range(4) for offset in range(20)}
    assert renamed_row_counts(surroundings) == [400]


def test_a_replica_that_is_slow_to_find_the_re_created_topic(surroundings: Surroundings) -> None:
    """A replica paused before it renames the CSV resumes after another one has renamed it and scored the new topic."""
    with surroundings.assigned_scorer(FAILPOINTS="registered=stop@2") as slow:
        surroundings.send_and_wait(400)
        surroundings.recreate()
        surroundings.send_payments(80)
        slow.wait_until_paused()
        with surroundings.scorer() as other:
            wait_until(lambda: row_count(surroundings.csv) == 80, 120, "the new topic is scored")
            assert len(other.lines("CSV renamed")) == 1
            told = len(slow.lines(READY))
            slow.resume()
            slow.wait_for(READY, count=told + 1)
            surroundings.send_and_wait(80)
            assert not slow.lines("CSV renamed")
    assert set(csv_rows(surroundings.csv)) == {(partition, offset) for partition in range(4) for offset in range(40)}
    assert renamed_row_counts(surroundings) == [400]


def test_case_23_the_outputs_are_wiped(surroundings: Surroundings) -> None:
    """A new CSV and journal begin at the committed offset, with a warning; nothing is scored again."""
    surroundings.send_payments(400)
    surroundings.score()
    for file in surroundings.csv.parent.iterdir():
        file.unlink()
    surroundings.send_payments(80)
    with surroundings.scorer() as second:
        surroundings.wait_until_committed()
        assert len(second.lines("csv begins here")) == 4
    assert set(csv_rows(surroundings.csv)) == {
        (partition, 100 + offset) for partition in range(4) for offset in range(20)
    }
    assert len(scored(surroundings.bootstrap, surroundings.settings["SCORED_TOPIC"])) == 480


def test_retention_deletes_what_was_not_scored(surroundings: Surroundings) -> None:
    """Scoring continues at the log's beginning, with an error line that names partition, range and count."""
    surroundings.send_payments(400)
    surroundings.score()
    surroundings.send_payments(400)
    delete_records(surroundings.bootstrap, surroundings.settings["INPUT_TOPIC"], dict.fromkeys(range(4), 150))
    with surroundings.scorer() as second:
        surroundings.wait_until_committed()
        lines = second.lines("retention passed")
    assert [
        (line["partition"], line["committed"], line["position"], line["lost"])
        for line in sorted(lines, key=lambda line: int(line["partition"]))
    ] == [(partition, 100, 150, 50) for partition in range(4)]
    assert {line["level"] for line in lines} == {"error"}
    assert len(csv_rows(surroundings.csv)) == 600


@pytest.mark.parametrize(("to", "event", "rows"), [(0, "group reset back", 800), (150, "group ahead", 600)])
def test_the_group_is_reset_by_hand(surroundings: Surroundings, to: int, event: str, rows: int) -> None:
    """After a reset back, nothing is scored twice; after one forward, the records between are skipped, and logged."""
    with surroundings.scorer() as first:
        for _ in range(1 if to else 2):  # to offsets before the last batch, whose replay looks the same as a reset
            surroundings.send_and_wait(400)
        first.stop()
    if to:
        surroundings.send_payments(400)
    surroundings.reset(dict.fromkeys(range(4), to))
    with surroundings.scorer() as second:
        assert len(second.wait_for(event, count=4)) == 4
        wait_until(lambda: row_count(surroundings.csv) == rows, 120, f"{rows} rows")
    assert all(len(found) == 1 for found in csv_rows(surroundings.csv).values())
    assert all(
        len(found) == 1 for found in scored(surroundings.bootstrap, surroundings.settings["SCORED_TOPIC"]).values()
    )


@pytest.mark.parametrize("which", ["SCORED_TOPIC", "DLQ_TOPIC"])
def test_case_38_an_output_topic_vanishes(surroundings: Surroundings, which: str) -> None:
    """Nothing is committed while the topic is missing; scoring resumes when it is re-created."""
    with surroundings.ready_scorer() as scorer:
        delete_topic(surroundings.bootstrap, surroundings.settings[which])
        surroundings.send([Message(b"broken", partition=partition) for partition in range(4)])
        surroundings.send_payments(400)
        scorer.wait_for("partitions taken over again")
        # the broken messages, first in each partition, need only the dead letters' topic
        assert surroundings.committed() <= (4 if which == "SCORED_TOPIC" else 0)
        surroundings.make_topics({surroundings.settings[which]: 4})
        surroundings.wait_until_committed(timeout_s=120)
        assert scorer.running
    assert surroundings.assert_each_once() == 404
