"""The scorer with a missing or broken broker, model, folder, setting or topic."""

from pathlib import Path

import pytest

from tests.conftest import Names
from tests.integration.broker import Cluster
from tests.integration.scorer import READY, Message, Surroundings, payment, save_model
from tests.oracle import assert_each_once, scored, wait_until_drained


def test_a_broker_that_is_not_up_yet_is_waited_for(names: Names, tmp_path: Path) -> None:
    """The scorer logs that it waits, then works."""
    cluster = Cluster()
    try:
        surroundings = Surroundings(cluster.bootstrap, names, tmp_path)
        save_model(tmp_path / "models")
        with surroundings.scorer() as scorer:
            scorer.wait_for("waiting for Kafka")
            cluster.start()
            surroundings.prepare()
            surroundings.send([Message(payment(number)) for number in range(1, 11)])
            wait_until_drained(surroundings.csv, cluster.bootstrap, surroundings.settings)
            assert scorer.running
    finally:
        cluster.stop()


@pytest.mark.parametrize("how", ["terminate", "kill"])
def test_a_broker_that_restarts_is_waited_for(own_cluster: Cluster, names: Names, tmp_path: Path, how: str) -> None:
    """The same process continues by itself, and nothing is lost or repeated."""
    surroundings = Surroundings(own_cluster.bootstrap, names, tmp_path).prepare()
    with surroundings.scorer() as scorer:
        surroundings.send([Message(payment(number), partition=number % 4) for number in range(1, 2_001)])
        scorer.wait_for("payments scored")
        getattr(own_cluster.broker, how)()
        own_cluster.broker.start()
        surroundings.send([Message(payment(number), partition=number % 4) for number in range(1, 2_001)])
        wait_until_drained(surroundings.csv, own_cluster.bootstrap, surroundings.settings)
        assert scorer.running, scorer.output
        assert "Traceback" not in scorer.output, scorer.output
    assert assert_each_once(surroundings.csv, own_cluster.bootstrap, surroundings.settings) == 4_000


@pytest.mark.parametrize("state", ["missing", "corrupt"])
def test_without_a_fit_model_it_says_so_and_ends(surroundings: Surroundings, state: str) -> None:
    """One line names the fix; exit code 1, no traceback, nothing scored."""
    models = surroundings.folder / "models"
    for file in [models / "fraud_model.pkl", *models.glob("versions/*/fraud_model.pkl")]:
        if state == "missing":
            file.unlink()
        else:
            file.write_bytes(b"garbage")
    with surroundings.scorer() as scorer:
        assert scorer.wait() == 1
        (line,) = scorer.lines("stopped")
        assert "train" in line["reason"]
        assert "Traceback" not in scorer.output
    assert not surroundings.csv.exists()


@pytest.mark.parametrize("obstacle", ["folder missing", "a folder in its place"])
def test_a_csv_that_can_not_be_written_is_waited_for(surroundings: Surroundings, obstacle: str) -> None:
    """No offset moves; once the folder is writable, the scorer continues by itself."""
    if obstacle == "folder missing":
        surroundings.csv.parent.rmdir()
    else:
        surroundings.csv.mkdir()
    surroundings.send([Message(payment(number), partition=number % 4) for number in range(1, 101)])
    with surroundings.scorer() as scorer:
        (line,) = scorer.wait_for("not ready")
        assert str(surroundings.csv.parent) in line["reason"]
        assert not scored(surroundings.bootstrap, surroundings.settings["SCORED_TOPIC"])
        if obstacle == "folder missing":
            surroundings.csv.parent.mkdir()
        else:
            surroundings.csv.rmdir()
        wait_until_drained(surroundings.csv, surroundings.bootstrap, surroundings.settings)
        assert "Traceback" not in scorer.output
    assert assert_each_once(surroundings.csv, surroundings.bootstrap, surroundings.settings) == 100


def test_a_folder_lost_while_running_is_waited_for(surroundings: Surroundings) -> None:
    """A folder lost at run time is waited for without a commit, and scoring resumes by itself."""
    with surroundings.scorer() as scorer:
        scorer.wait_for(READY)
        surroundings.send([Message(payment(number), partition=number % 4) for number in range(1, 101)])
        wait_until_drained(surroundings.csv, surroundings.bootstrap, surroundings.settings)
        away = surroundings.folder / "away"
        surroundings.csv.parent.rename(away)
        surroundings.send([Message(payment(number), partition=number % 4) for number in range(1, 101)])
        scorer.wait_for("scoring blocked")
        away.rename(surroundings.csv.parent)
        wait_until_drained(surroundings.csv, surroundings.bootstrap, surroundings.settings)
        scorer.wait_for("scoring resumed")
    assert assert_each_once(surroundings.csv, surroundings.bootstrap, surroundings.settings) == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROCESSING_GUARANTEE", "at_most_once"),
        ("AUTO_OFFSET_RESET", "none"),
        ("INPUT_TOPIC", "with space"),
        ("MAX_BATCH_RECORDS", "0"),
        ("LOG_LEVEL", "loud"),
        ("REVIEW_THRESHOLD", "2"),
    ],
)
def test_a_wrong_setting_is_named_at_start(surroundings: Surroundings, name: str, value: str) -> None:
    """Exit code 1 and one line with the variable's name."""
    with surroundings.scorer(**{name: value}) as scorer:
        assert scorer.wait() == 1
        assert name in scorer.output
        assert "Traceback" not in scorer.output


def test_too_few_partitions_are_reported_at_start(surroundings: Surroundings, names: Names) -> None:
    """The message has the command that adds them."""
    few = names("few")
    surroundings.make_topics({few: 2})
    with surroundings.scorer(SCORED_TOPIC=few) as scorer:
        assert scorer.wait(60) == 1
        (line,) = scorer.lines("stopped")
    assert few in line["reason"]
    assert "TOPIC_PARTITIONS=4 fraudstream topics" in line["reason"]


def test_a_missing_topic_is_reported_at_start(surroundings: Surroundings, names: Names) -> None:
    """The message has the command that creates it."""
    with surroundings.scorer(DLQ_TOPIC=names("absent")) as scorer:
        assert scorer.wait(60) == 1
        (line,) = scorer.lines("stopped")
    assert "fraudstream topics" in line["reason"]
