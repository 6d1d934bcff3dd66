"""Table of the candidates' log losses, with standard errors."""

from trainer.report.facts import Facts
from trainer.report.texts import Table


def losses(facts: Facts) -> Table:
    """Return each candidate's log loss above the best, in percent, with its standard error; simplest first."""
    comparisons = facts.study.comparisons
    best = min(one.log_loss for one in comparisons)
    rows = [
        (
            one.candidate.name.replace("_", " ") + (" (chosen)" if one is facts.study.chosen else ""),
            f"{one.log_loss:.5f}",
            f"{100 * one.excess / best:.2f} % ± {100 * one.standard_error / best:.2f} %",
        )
        for one in comparisons
    ]
    return ("candidate", "log loss", "above the best"), rows
