"""The headline of the report on a model: results for a business, with their uncertainty."""

from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
from tests.histories import history_of

from fraudstream.model.decision import BLOCKED, REVIEWED, Costs, Thresholds
from fraudstream.runtime.currency import CurrencySettings
from fraudstream.simulation import simulate
from trainer.report.facts import Facts, decide
from trainer.report.headline import HeldOut, Statement, basis, statements, warnings

COSTS = Costs(fraud=15.0, review=5.0, wrong_block=25.0, min_block=0.5)
ROOM = "\N{NO-BREAK SPACE}"


def held_out(*groups: tuple[int, int, int, float]) -> HeldOut:
    """Return held-out payments: number, label, decision and amount of each group."""
    counts, *columns = zip(*groups, strict=True)
    labels, decisions, amounts = (np.repeat(column, counts) for column in columns)
    return HeldOut(labels=labels, amounts=amounts.astype(np.float64), decisions=decisions)


def facts(*, days: float = 0.0, currency: str = "", simulated: bool = False) -> Facts:
    """Return the facts that the headline needs."""
    past: Any = history_of(simulate(np.random.default_rng(0), 900).matrix(), np.arange(900) % 2)
    object.__setattr__(past, "days", days)
    study = MagicMock(costs=COSTS)
    unused: Any = None
    return Facts(
        manifest=unused,
        history=past,
        study=study,
        classifier=unused,
        matrix=unused,
        amounts=unused,
        labels=unused,
        fraud=unused,
        decisions=unused,
        truth=np.ones(1) if simulated else None,
        currency=CurrencySettings.from_env({"CURRENCY": currency}),
    )


USUAL = held_out(
    (880, 0, 0, 10.0), (60, 0, REVIEWED, 20.0), (10, 0, BLOCKED, 30.0), (10, 1, 0, 5.0), (10, 1, REVIEWED, 50.0),
    (30, 1, BLOCKED, 150.0),
)  # fmt: skip


def test_usual_results() -> None:
    """Counts are those of the held-out payments, and amounts have the currency."""
    stopped, blocks, work, saved = statements(facts(currency="€"), USUAL)
    assert stopped == Statement(
        "40 of 50",
        "frauds are stopped",
        f"40 of 50 frauds were reviewed or blocked, with 99{ROOM}% of their amount. Likely range: 66 to 89 of 100.",
    )
    assert (blocks.figure, blocks.meaning) == ("30 of 40", "blocks are right")
    assert blocks.detail == "30 of 40 blocked payments were frauds. Likely range: 59 to 86 of 100."
    assert (work.figure, work.meaning) == ("700 to review", "and 400 to block, of 10,000 payments a day")
    assert work.detail.startswith("Likely ranges: 558 to 875 reviews, 295 to 540 blocks a day. 10 of 70 reviewed")
    # approved: 10 * (5 + 15) + 10 * (50 + 15) + 30 * (150 + 15); ours: 10 * 20, 70 * 5 and 10 * 25
    assert (saved.figure, saved.meaning) == (f"5,000{ROOM}€", "saved per 1,000 payments")
    assert f"cost 800{ROOM}€, instead of 5,800{ROOM}€" in saved.detail


def test_payments_a_day_of_the_history() -> None:
    """The history's number is used from two days on; below, that of the example."""
    assert "of 10,000 payments a day" in statements(facts(days=1.9), USUAL)[2].meaning
    work = statements(facts(days=300.0), USUAL)[2]
    assert (work.figure, work.meaning) == (
        "0.21 to review",
        "and 0.12 to block, of 3 payments a day, as in the history",
    )


def test_few_frauds() -> None:
    """Two frauds found are not a share of 100 %: the range and a warning show it."""
    few = held_out((98, 0, 0, 10.0), (2, 1, REVIEWED, 50.0))
    stopped, blocks, work, _ = statements(facts(), few)
    assert stopped.figure == "2 of 2"
    assert "Likely range: 34 to 100 of 100." in stopped.detail
    assert blocks == Statement("No blocks", "in the test", "No payment was blocked: none was likely enough a fraud.")
    assert "0 to 370 blocks" in work.detail
    assert warnings(facts(), few) == [
        "The test has only 2 frauds: these figures are rough. More frauds in the history help."
    ]
    assert "100 payments that had no part in training, 2 of them frauds" in basis(few)


def test_enough_frauds() -> None:
    """The warning is left out; the sample history has one of its own."""
    assert warnings(facts(), USUAL) == []
    assert [one[:26] for one in warnings(facts(simulated=True), USUAL)] == ["This is the sample history"]


def test_many_frauds() -> None:
    """Counts above 100 are rounded to a share of 100, but never to all or none."""
    nearly = held_out((1_000, 0, 0, 1.0), (999, 1, BLOCKED, 1.0), (1, 1, 0, 1.0))
    assert statements(facts(), nearly)[0].figure == "over 99 of 100"
    hardly = held_out((1_000, 0, 0, 1.0), (1, 1, BLOCKED, 1.0), (999, 1, 0, 1.0))
    assert statements(facts(), hardly)[0].figure == "under 1 of 100"
    half = held_out((1_000, 0, 0, 1.0), (500, 1, BLOCKED, 1.0), (500, 1, 0, 1.0))
    assert statements(facts(), half)[0].figure == "50 of 100"


@pytest.mark.parametrize("amount", [0.0, 7.0])
def test_losses(amount: float) -> None:
    """A rule that costs more than it saves is shown as a loss; without amounts, their share is left out."""
    costly = held_out((90, 0, REVIEWED, amount), (9, 1, 0, amount), (1, 1, BLOCKED, amount))
    stopped, _, _, saved = statements(facts(), costly)
    figure, ends = ("4,280", "3,690 to 4,870") if amount else ("4,350", "3,880 to 4,820")
    assert (saved.figure, saved.meaning) == (figure, "lost per 1,000 payments")
    assert saved.detail.endswith(f"Likely range: {ends}.")
    assert ("of their amount" in stopped.detail) == (amount > 0)


@pytest.mark.parametrize("hits", [29, 57, 58])
def test_whole_percents(hits: int) -> None:
    """A share of whole percents is not a percent less."""
    tested = held_out((100 - hits, 1, 0, 1.0), (hits, 1, REVIEWED, 1.0))
    assert f"with {hits}{ROOM}% of their amount" in statements(facts(), tested)[0].detail


@pytest.mark.parametrize("missing", [0, 540, 900])
def test_median_amount(missing: int) -> None:
    """Missing amounts have no part in it."""
    known = facts()
    known.history.amounts[:] = 40.0
    known.history.amounts[:missing] = np.nan
    assert known.median_amount == (40.0 if missing < 900 else 0.0)


def test_decisions_without_an_amount() -> None:
    """A payment whose amount is missing is decided by the thresholds, as in the scorer."""
    study: Any = MagicMock(rule=COSTS, thresholds=Thresholds(review=0.3, block=0.6))
    fraud, amounts = np.array([0.2, 0.2, 0.4, 0.7]), np.array([100.0, np.nan, np.nan, np.nan])
    assert decide(study, fraud, amounts).tolist() == [REVIEWED, 0, REVIEWED, BLOCKED]
