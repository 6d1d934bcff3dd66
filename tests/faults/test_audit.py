"""`fraudstream verify` and `fraudstream rebuild` after a scorer was killed."""

import pytest

from tests.integration import tools
from tests.integration.scorer import Surroundings
from tests.integration.trained import save_model

SLOWLY = {"MAX_BATCH_RECORDS": "50"}
AT_LEAST_ONCE = {"PROCESSING_GUARANTEE": "at_least_once", **SLOWLY}


@pytest.mark.parametrize("step", ["stored", "offsets_sent"])
def test_rebuild_between_append_and_commit(surroundings: Surroundings, step: str) -> None:
    """Records stored but not committed are scored again: the old journal must not make scorers skip them."""
    surroundings.send_payments(400)
    surroundings.score_until_killed(**SLOWLY, FAILPOINTS=f"{step}=kill@3")
    stored = tools.rows(surroundings.csv)
    tools.wait_until_empty(surroundings)
    surroundings.csv.unlink()
    save_model(surroundings.folder / "models", strength=0.01)
    tools.rebuild(surroundings)
    rebuilt = tools.rows(surroundings.csv)
    assert len(rebuilt) == surroundings.committed()
    if step == "stored":  # at the other one, the third batch may not be stored yet
        assert len(rebuilt) < len(stored)
    assert set(rebuilt) <= set(stored)
    tools.assert_continues(surroundings, 400)


def test_a_rebuilt_row_is_the_last_repeat(surroundings: Surroundings) -> None:
    """The rebuilt row of a repeated record is the last one, which the CSV had."""
    surroundings.send_payments(200)
    surroundings.score_until_killed(**AT_LEAST_ONCE, FAILPOINTS="sent=kill@2")
    save_model(surroundings.folder / "models", strength=0.01)
    surroundings.score(**AT_LEAST_ONCE)
    before = tools.rows(surroundings.csv)
    surroundings.csv.unlink()
    tools.rebuild(surroundings, PROCESSING_GUARANTEE="at_least_once")
    assert sorted(tools.rows(surroundings.csv)) == sorted(before)


def test_verify_finds_an_at_least_once_repeat(surroundings: Surroundings) -> None:
    """After a kill between sending and committing, the topic repeats a batch, the CSV does not."""
    surroundings.send_payments(200)
    surroundings.score_until_killed(**AT_LEAST_ONCE, FAILPOINTS="stored=kill@2")
    surroundings.score(**AT_LEAST_ONCE)
    output = tools.assert_findings(surroundings, "twice in the scored topic")
    assert "twice in the CSV" not in output
    assert "out of order" not in output


def test_verify_between_append_and_commit(surroundings: Surroundings) -> None:
    """An open transaction and uncommitted rows are not findings: they come after the committed offsets."""
    surroundings.send_payments(400)
    surroundings.score_until_killed(**SLOWLY, FAILPOINTS="stored=kill@3")
    tools.assert_well(surroundings)
    surroundings.score()
    tools.assert_well(surroundings, "each of 400 records")
