"""The programs in examples/, run as a user runs them, beside a scorer on real Kafka."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fraudstream.payment import DECISIONS
from tests.integration.scorer import Surroundings

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]
COUNT = 8


def _example(surroundings: Surroundings, name: str, *arguments: str, **settings: str) -> list[str]:
    """Run an example to its end; return the lines that it printed."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), *arguments],
        cwd=ROOT,
        env=os.environ | surroundings.settings | settings,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_model_of_ones_own_scores_payments_that_an_example_sends(surroundings: Surroundings) -> None:
    """Each payment that one example sends is printed by the other, scored by the model of the third."""
    with surroundings.assigned_scorer() as scorer:
        (trained,) = _example(surroundings, "bring_your_own_model.py")
        version = trained.split()[0]
        assert scorer.wait_for("model swapped")[-1]["version"] == version
        sent = [line.split()[0] for line in _example(surroundings, "send_payments.py", str(COUNT))]
        printed = [line.split() for line in _example(surroundings, "read_scores.py", str(COUNT), START="earliest")]
    assert len(set(sent)) == COUNT
    assert sorted(sent) == sorted(words[0] for words in printed)
    assert {words[1] for words in printed} <= set(DECISIONS)
    assert surroundings.csv.read_text().count(version) == COUNT
