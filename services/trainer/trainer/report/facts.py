"""The data of the report: the study, and the payments of its pictures with their scores."""

from dataclasses import dataclass

import numpy as np

from fraudstream.model.decision import Positions
from fraudstream.model.features import AMOUNT
from fraudstream.model.fraud_model import Classifier, published
from fraudstream.model.manifest import Manifest
from fraudstream.simulation import true_probability
from trainer import make_data
from trainer.history import Floats, History, Integers
from trainer.study import Study

_MOST_PAYMENTS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Facts:
    """Data of the pictures and the page; each payment was scored by a model that was not fitted to it."""

    manifest: Manifest
    history: History
    study: Study
    classifier: Classifier
    """Fitted to the whole history."""
    matrix: Floats
    labels: Integers
    fraud: Floats
    decisions: Positions
    """Decisions on the same payments by the model's rule."""
    truth: Floats | None
    """True probabilities of the same payments, known for the simulated history only."""


def gather(history: History, study: Study, classifier: Classifier, manifest: Manifest) -> Facts:
    """Gather the facts, on at most 100,000 evenly spaced payments."""
    held_out = history.matrix[study.held_out]
    matrix = np.concatenate([study.compared_matrix, held_out])
    labels = np.concatenate([study.compared_labels, history.labels[study.held_out]])
    fraud = published(np.concatenate([study.compared_fraud, study.scores]))
    kept = np.unique(np.linspace(0, len(labels) - 1, min(len(labels), _MOST_PAYMENTS)).astype(np.int64))
    simulated = history.sha256 == make_data.sha256()
    return Facts(
        manifest=manifest,
        history=history,
        study=study,
        classifier=classifier,
        matrix=matrix[kept],
        labels=labels[kept],
        fraud=fraud[kept],
        decisions=study.rule.decide(fraud[kept], matrix[kept, AMOUNT]),
        truth=true_probability(matrix[kept]) if simulated else None,
    )
