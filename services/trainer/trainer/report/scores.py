"""Picture of the score distributions of frauds and legitimate payments."""

import numpy as np
from matplotlib.figure import Figure

from fraudstream.model.decision import BLOCKED, REVIEWED
from trainer.report import style
from trainer.report.decisions import lowest
from trainer.report.facts import Facts

_BINS = 40


def picture(facts: Facts) -> Figure:
    """Draw a histogram of each class on a log-odds scale, each normalised to 100 %, with a median payment's limits."""
    figure, (axes,) = style.panels(1, 1, width=9, height=4.4)
    log_odds = np.log(facts.fraud / (1.0 - facts.fraud))
    edges = np.linspace(log_odds.min(), log_odds.max() + 1e-9, _BINS + 1)
    for label, name, colour in ((0, "legitimate", style.LEGITIMATE), (1, "fraud", style.FRAUD)):
        own = log_odds[facts.labels == label]
        axes.hist(
            own,
            edges.tolist(),
            weights=np.full(len(own), 1 / len(own)),
            color=colour,
            alpha=0.55,
            label=f"{name} ({len(own):,} payments)",
        )
    amount = float(np.median(facts.amounts))
    of_amount = f"amount {amount:,.2f}: " if facts.history.has_amounts else ""
    for decision, name, colour in (
        (REVIEWED, "review from", style.REVIEW),
        (BLOCKED, "block from", style.BLOCK),
    ):
        limit = lowest(facts.study.rule, amount, decision)
        if limit is None:
            continue
        place = float(np.log(limit / (1.0 - limit)))
        axes.axvline(
            place,
            color=colour,
            linewidth=1.4,
            linestyle=(0, (4, 2)),
            label=f"{of_amount}{name} {style.percent(round(limit, 4))}",
        )
    ticks = np.array([1e-5, 1e-4, 1e-3, 3e-3, 0.01, 0.02, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999])
    places = np.log(ticks / (1 - ticks))
    within = (places > edges[0]) & (places < edges[-1])
    axes.set_xticks(places[within], [style.percent(tick) for tick in ticks[within]])
    axes.set(title="Scores of frauds and legitimate payments", xlabel="probability of fraud (log-odds scale)")
    axes.set_ylabel("share of the class")
    axes.yaxis.set_major_formatter(style.percent)
    axes.legend(loc="best")
    return figure
