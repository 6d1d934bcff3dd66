"""The scorer with a missing or broken broker, model, folder, setting or topic."""

from pathlib import Path

import pytest

from tests.conftest import Names
from tests.integration.broker import Cluster
from tests.integration.scorer import Message, Surroundings, payment
from tests.integration.trained import save_model
from tests.oracle import scored


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
            surroundings.wait_until_drained()
            assert scorer.running
    finally:
        cluster.stop()


@pytest.mark.parametrize("how", ["terminate", "kill"])
def test_a_broker_that_restarts_is_waited_for(own: Surroundings, own_cluster: Cluster, how: str) -> None:
    """The same process continues by itself, and nothing is lost or repeated."""
    with own.scorer() as scorer:
        own.send_payments(2_000)
        scorer.wait_for("payments scored")
        getattr(own_cluster.broker, how)()
        own_cluster.broker.start()
        own.send_payments(2_000)
        own.wait_until_drained()
        assert scorer.running, scorer.output
        assert "Traceback" not in scorer.output, scorer.output
    assert own.assert_each_once() == 4_000


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
        assert "train" in scorer.wait_for_failure()
    assert not surroundings.csv.exists()


@pytest.mark.parametrize("obstacle", ["folder missing", "a folder in its place"])
def test_a_csv_that_can_not_be_written_is_waited_for(surroundings: Surroundings, obstacle: str) -> None:
    """No offset moves; once the folder is writable, the scorer continues by itself."""
    if obstacle == "folder missing":
        surroundings.csv.parent.rmdir()
    else:
        surroundings.csv.mkdir()
    surroundings.send_payments(100)
    with surroundings.scorer() as scorer:
        assert str(surroundings.csv.parent) in scorer.wait_for_reason("not ready")
        assert not scored(surroundings.bootstrap, surroundings.settings["SCORED_TOPIC"])
        if obstacle == "folder missing":
            surroundings.csv.parent.mkdir()
        else:
            surroundings.csv.rmdir()
        surroundings.wait_until_drained()
        assert "Traceback" not in scorer.output
    assert surroundings.assert_each_once() == 100


def test_a_folder_lost_while_running_is_waited_for(surroundings: Surroundings) -> None:
    """A folder lost at run time is waited for without a commit, and scoring resumes by itself."""
    with surroundings.assigned_scorer() as scorer:
        surroundings.send_payments(100)
        surroundings.wait_until_drained()
        away = surroundings.folder / "away"
        surroundings.csv.parent.rename(away)
        surroundings.send_payments(100)
        scorer.wait_for("scoring blocked")
        away.rename(surroundings.csv.parent)
        surroundings.wait_until_drained()
        scorer.wait_for("scoring resumed")
    assert surroundings.assert_each_once() == 200


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
        reason = scorer.wait_for_failure()
    assert few in reason
    assert "TOPIC_PARTITIONS=4 fraudstream topics" in reason


def test_a_missing_topic_is_reported_at_start(surroundings: Surroundings, names: Names) -> None:
    """The message has the command that creates it."""
    with surroundings.scorer(DLQ_TOPIC=names("absent")) as scorer:
        assert "fraudstream topics" in scorer.wait_for_failure()
