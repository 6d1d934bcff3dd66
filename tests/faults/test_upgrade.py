"""A scorer of this release continues after one of an earlier release: with its group, topics, CSV and journal."""

import pytest

from tests.integration.scorer import Surroundings

TRANSACTION_TIMEOUT_S = 60


@pytest.mark.parametrize(
    "steps", [("sent", "stored"), ("stored", "offsets_sent"), ("offsets_sent", "committed"), ("committed", "torn")]
)
def test_an_earlier_release_killed_within_its_transactions(surroundings: Surroundings, steps: tuple[str, ...]) -> None:
    """The killed release's open transactions are ended immediately; its rows are published, each record scored once."""
    surroundings.send_payments(8_000)
    for step in steps:
        with surroundings.mutant("earlier_release", FAILPOINTS=f"{step}=kill@3", MAX_BATCH_RECORDS="400") as earlier:
            earlier.wait_until_killed()
    assert surroundings.committed() < 8_000
    with surroundings.scorer() as scorer:
        surroundings.wait_until_committed(TRANSACTION_TIMEOUT_S - 10)
        scorer.wait_until_ready()
        assert "Traceback" not in scorer.output
    assert surroundings.assert_each_once() == 8_000
    assert surroundings.aborted_records() > 0
