"""Two stacks, each with a Kafka cluster of its own, and one CSV_PATH: they never take the file from each other."""

import json
from pathlib import Path

import pytest

from tests.conftest import MakeCluster, Names
from tests.integration.scorer import Surroundings
from tests.oracle import csv_rows

Stacks = tuple[Surroundings, Surroundings]


@pytest.fixture
def stacks(kafka_bootstrap: str, make_cluster: MakeCluster, names: Names, tmp_path: Path) -> Stacks:
    """Create the same topics and group in two clusters; both scorers write to the first one's CSV."""
    first, second = (
        _stack(bootstrap, names, tmp_path / name)
        for name, bootstrap in (("first", kafka_bootstrap), ("second", make_cluster().bootstrap))
    )
    second.csv = first.csv
    second.settings["CSV_PATH"] = str(first.csv)
    return first, second


def _stack(bootstrap: str, names: Names, folder: Path) -> Surroundings:
    folder.mkdir()
    return Surroundings(bootstrap, names, folder, partitions=2).prepare()


def _refused(stack: Surroundings, owner: str) -> None:
    """Check that a scorer of `stack` ends with one line that names the owner's cluster, and changes nothing."""
    before = _stored(stack)
    with stack.scorer() as scorer:
        reason = scorer.wait_for_failure()
        assert reason.startswith(f"CSV_PATH: {stack.csv} is in use by a running scorer")
        assert owner in reason
    assert _stored(stack) == before


def _stored(stack: Surroundings) -> tuple[dict[Path, bytes], dict[int, int]]:
    """Return the CSV files and the group's committed offsets."""
    return {file: file.read_bytes() for file in stack.csv.parent.glob("*.csv")}, stack.positions()


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_a_stack_that_runs_keeps_its_csv(stacks: Stacks, end: str) -> None:
    """A running stack keeps its CSV even when idle; once it has ended, the other one renames the file, once."""
    first, second = stacks
    second.send_payments(30)
    with first.assigned_scorer() as scorer:
        owner = json.loads(first.csv.with_name(f".{first.csv.name}.claim").read_bytes())["cluster"]
        for round_number in range(2):
            _refused(second, owner)
            first.send_and_wait(20)
            assert len(csv_rows(first.csv)) == 20 * (round_number + 1)
        getattr(scorer, end)()
        scorer.wait()
    with second.scorer() as scorer, second.scorer() as replica:
        second.wait_until_committed()
        assert scorer.running
        assert replica.running
        _refused(first, json.loads(first.csv.with_name(f".{first.csv.name}.claim").read_bytes())["cluster"])
        assert len(scorer.lines("CSV renamed") + replica.lines("CSV renamed")) == 1
    assert len(csv_rows(second.csv)) == 30
    assert [len(csv_rows(file)) for file in first.csv.parent.glob("*.former-*.csv")] == [40]
