"""Scorers that stop, join, leave and share a group, and where each of them resumes."""

from pathlib import Path

import pytest

from tests.integration import tools
from tests.integration.broker.deadline import wait_until
from tests.integration.scorer import READY, Message, Surroundings, payment
from tests.oracle import csv_rows, row_count, scored
from tests.scores import HEADER


def test_stopped_under_load_it_drains_and_resumes_where_it_was(surroundings: Surroundings) -> None:
    """On SIGTERM the scorer exits with 0, and a second start repeats nothing."""
    surroundings.send_payments(30_000)
    for _ in range(3):
        with surroundings.scorer() as scorer:
            scorer.wait_for("payments scored")
            scorer.stop()
        surroundings.send_payments(5_000)
    with surroundings.scorer():
        surroundings.wait_until_drained()
    assert surroundings.assert_each_once() == 45_000


def test_replicas_come_and_go_under_load(surroundings: Surroundings) -> None:
    """From one to three scorers and back, each record is scored once, and all scorers get partitions."""
    total = 0
    with surroundings.assigned_scorer() as first:
        with surroundings.scorer() as second, surroundings.scorer() as third:
            for _ in range(10):
                surroundings.send_payments(2_000)
                total += 2_000
            for service in (second, third):
                service.wait_for(READY)
            wait_until(
                lambda: all(
                    len(service.lines(READY)[-1]["partitions"]) in {1, 2} for service in (first, second, third)
                ),
                60,
                "partitions are shared",
            )
            for service in (second, third):
                service.stop()
        surroundings.wait_until_drained()
    assert surroundings.assert_each_once() == total
    assert surroundings.csv.read_text().count(HEADER) == 1


@pytest.mark.partitions(1)
def test_more_replicas_than_partitions(surroundings: Surroundings) -> None:
    """A member without partitions is healthy, and takes over when the other one leaves."""
    with surroundings.assigned_scorer() as first, surroundings.assigned_scorer() as second:
        owner, other = (first, second) if first.lines(READY)[-1]["partitions"] else (second, first)
        owner.stop()
        wait_until(lambda: other.lines(READY)[-1]["partitions"] == [0], 60, "the other one owns the partition")
        surroundings.send([Message(payment(number)) for number in range(1, 11)])
        surroundings.wait_until_drained()
    assert surroundings.assert_each_once() == 10


def test_latest_is_for_the_very_first_start_only(surroundings: Surroundings) -> None:
    """Messages before the first start are skipped; messages sent while no scorer runs are not."""
    surroundings.send([Message(payment(number)) for number in range(1, 11)])
    with surroundings.assigned_scorer(AUTO_OFFSET_RESET="latest") as scorer:
        scorer.stop()
        assert not scorer.lines("csv begins here")
    surroundings.send([Message(payment(number), partition=number % 4) for number in range(11, 31)])
    with surroundings.scorer(AUTO_OFFSET_RESET="latest"):
        wait_until(lambda: row_count(surroundings.csv) == 20, 60, "20 rows")
    assert {int(rows[0]["payment_id"]) for rows in csv_rows(surroundings.csv).values()} == set(range(11, 31))


def test_two_hosts_with_a_csv_each(surroundings: Surroundings, tmp_path: Path) -> None:
    """With one group and two independent CSVs, the topic has each payment once, each CSV the ones scored there."""
    theirs = tmp_path / "there" / surroundings.csv.name
    theirs.parent.mkdir()
    hosts: list[tuple[Path, dict[str, str]]] = [
        (surroundings.csv, {}),
        (theirs, {"CSV_PATH": str(theirs)}),
        (surroundings.csv, {}),
    ]
    said = []
    for turn, (csv, settings) in enumerate(hosts):
        with surroundings.assigned_scorer(**settings) as scorer:
            surroundings.send_and_wait(400)
            scorer.stop()
            said.append([event for event in ("csv begins here", "group ahead") if scorer.lines(event)])
        assert len(csv_rows(csv)) == 400 * (turn // 2 + 1)
    assert said == [[], ["csv begins here"], ["group ahead"]]
    everywhere = [*csv_rows(surroundings.csv), *csv_rows(theirs)]
    assert len(everywhere) == len(set(everywhere)) == 1_200
    events = scored(surroundings.bootstrap, surroundings.settings["SCORED_TOPIC"])
    assert {len(found) for found in events.values()} == {1}
    assert set(events) == set(everywhere)
    assert "each of 1,200 records" in tools.run(surroundings, "verify", "--without-csv").output
    tools.assert_findings(surroundings, "in the scored topic only (400)")
