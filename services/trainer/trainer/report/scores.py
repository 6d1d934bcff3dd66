"""Plot of the score distributions of frauds and legitimate payments."""

import numpy as np

from fraudstream.arrays import Floats
from fraudstream.model.curves import logit
from fraudstream.model.decision import BLOCKED, REVIEWED
from trainer.report.axes import Axis, linear, round_values
from trainer.report.decisions import lowest
from trainer.report.facts import Facts
from trainer.report.plot import Plot
from trainer.report.texts import percent, rounded_percent

_BINS = 40
_ROOM = 0.15
"""Least distance of two ticks, as a share of the axis."""
_FEWEST_TICKS = 2
_LEAST_WIDTH = 1.0
_TICKS = np.array([1e-5, 1e-4, 1e-3, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999])


def plots(facts: Facts) -> list[Plot]:
    """Draw a histogram of each class on a log-odds scale, each normalised to 100 %, with a median payment's limits."""
    log_odds = logit(facts.fraud)
    edges = _edges(log_odds)
    shares = {label: _shares(log_odds[facts.labels == label], edges) for label in (0, 1)}
    medians = [float(np.median(facts.fraud[facts.labels == label])) for label in (0, 1)]
    plot = Plot(
        title="Scores of frauds and legitimate payments",
        x=log_odds_axis(float(edges[0]), float(edges[-1])),
        y=linear(0, 1.05 * max(one.max() for one in shares.values()), percent),
        x_label="probability of fraud (unlikely and likely ends stretched: log-odds)",
        y_label="share of the frauds, or of the legitimate payments",
        description=f"Half of the legitimate payments score below {rounded_percent(medians[0])}, half of the frauds "
        f"above {rounded_percent(medians[1])}.",
    )
    for label, name, kind in ((0, "legitimate", "legitimate"), (1, "fraud", "fraud")):
        count = (facts.labels == label).sum()
        plot.bars(edges[:-1], edges[1:], shares[label], kind, f"{name} ({count:,} payments)")
    _draw_limits(plot, facts)
    return [plot]


def _edges(log_odds: Floats) -> Floats:
    """Return the ends of the bins, on a range that is wide enough for ticks."""
    low, high = float(log_odds.min()), float(log_odds.max())
    room = max(0.0, _LEAST_WIDTH - (high - low)) / 2
    return np.linspace(low - room, high + room + 1e-9, _BINS + 1)


def log_odds_axis(low: float, high: float) -> Axis:
    """Return an axis of log-odds whose ticks are probabilities: the usual ones, or round numbers in a narrow range."""
    usual = _ticks(_TICKS, low, high)
    if len(usual) < _FEWEST_TICKS:
        ends = 1.0 / (1.0 + np.exp([-low, -high]))
        usual = _ticks(np.array(round_values(*ends.tolist())), low, high)
    return Axis(low=low, high=high, ticks=usual)


def _ticks(probabilities: Floats, low: float, high: float) -> list[tuple[float, str]]:
    """Return the probabilities within the axis that have room for their texts."""
    ticks: list[tuple[float, str]] = []
    for tick, place in zip(probabilities.tolist(), logit(probabilities).tolist(), strict=True):
        has_room = not ticks or place - ticks[-1][0] > _ROOM * (high - low)
        if low < place < high and has_room:
            ticks.append((place, percent(tick)))
    return ticks


def _draw_limits(plot: Plot, facts: Facts) -> None:
    """Draw the probabilities from which a payment of the median amount is reviewed and blocked."""
    amount = facts.median_amount
    has_amounts = len(facts.present_amounts) > 0
    rule = facts.study.rule if has_amounts else facts.study.thresholds
    of_amount = f" for a payment of {facts.money(amount)}" if has_amounts else ""
    for decision, name, kind in ((REVIEWED, "review", "review dashed"), (BLOCKED, "block", "block dashed")):
        limit = lowest(rule, amount, decision)
        if limit is not None:
            place = float(logit(np.array([limit]))[0])
            plot.vertical(place, kind, f"{name} from {rounded_percent(limit)}{of_amount}")


def _shares(log_odds: Floats, edges: Floats) -> Floats:
    return np.histogram(log_odds, edges)[0] / len(log_odds)
