"""The data of the report: the study, and the payments of its plots with their scores."""

from dataclasses import dataclass

import numpy as np

from fraudstream.arrays import Floats, Integers
from fraudstream.model.decision import AnyAmount, Positions
from fraudstream.model.fraud_model import Classifier, published
from fraudstream.model.manifest import Manifest
from fraudstream.runtime.currency import CurrencySettings
from fraudstream.simulation import true_probability
from trainer import make_data
from trainer.history import History
from trainer.study import Study, amounts_or_zero

_MOST_PAYMENTS = 100_000
_LARGE_AMOUNT = 10_000
"""Amounts from which hundredths say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Facts:
    """Data of the plots and the page; each payment was scored by a model that was not fitted to it."""

    manifest: Manifest
    history: History
    study: Study
    classifier: Classifier
    """Fitted to the whole history."""
    matrix: Floats
    amounts: Floats
    """0 where one is missing."""
    labels: Integers
    fraud: Floats
    decisions: Positions
    """Decisions on the same payments by the model's rule."""
    truth: Floats | None
    """True probabilities of the same payments, known for the simulated history only."""
    currency: CurrencySettings

    def money(self, amount: float) -> str:
        """Format an amount with the currency."""
        is_whole = amount == round(amount) or abs(amount) >= _LARGE_AMOUNT
        return self.currency.format(f"{amount:z,.0f}" if is_whole else f"{amount:z,.2f}")

    @property
    def present_amounts(self) -> Floats:
        """The amounts of the history that are not missing."""
        return self.history.amounts[~np.isnan(self.history.amounts)]

    @property
    def median_amount(self) -> float:
        """The median of the amounts that are not missing; 0 if all are."""
        present = self.present_amounts
        return float(np.median(present)) if len(present) else 0.0

    @property
    def unit(self) -> str:
        """The currency as an addition to a column's name, empty without one."""
        return f" ({self.currency.currency})" if self.currency.currency else ""


def gather(
    history: History, study: Study, classifier: Classifier, manifest: Manifest, currency: CurrencySettings
) -> Facts:
    """Gather the facts, on at most 100,000 evenly spaced payments."""
    rows = np.concatenate([study.compared, study.held_out])
    fraud = published(np.concatenate([study.compared_fraud, study.scores]))
    kept = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _MOST_PAYMENTS)).astype(np.int64))
    rows, fraud = rows[kept], fraud[kept]
    matrix, amounts = history.matrix[rows], amounts_or_zero(history)[rows]
    simulated = history.sha256 == make_data.sha256()
    return Facts(
        manifest=manifest,
        history=history,
        study=study,
        classifier=classifier,
        matrix=matrix,
        amounts=amounts,
        labels=history.labels[rows],
        fraud=fraud,
        decisions=decide(study, fraud, history.amounts[rows]),
        truth=true_probability(matrix) if simulated else None,
        currency=currency,
    )


def decide(study: Study, fraud: Floats, amounts: Floats) -> Positions:
    """Return the decisions of the scorer: by the study's rule, and by the thresholds where the amount is missing."""
    return AnyAmount(study.rule, study.thresholds).decide(fraud, amounts)
