"""The data of the report, gathered from the study; pictures and page are made from it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fraudstream.model.fraud_model import SMALLEST, Classifier, Thresholds
from fraudstream.model.manifest import Manifest
from fraudstream.simulation import true_probability
from trainer import make_data
from trainer.fit import Comparison
from trainer.history import History
from trainer.study import Study
from trainer.thresholds import Costs

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_MOST_PAYMENTS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Facts:
    """Data of the pictures and the page; each payment was scored by a model that was not fitted to it."""

    manifest: Manifest
    history: History
    held_out: int
    """Number of payments that had no part in choosing, calibrating or fitting."""
    classifier: Classifier
    """Fitted to the whole history."""
    comparisons: list[Comparison]
    chosen: Comparison
    matrix: Floats
    labels: Integers
    fraud: Floats
    truth: Floats | None
    """True probabilities of the same payments, known for the simulated history only."""
    thresholds: Thresholds
    costs: Costs


def gather(history: History, study: Study, classifier: Classifier, manifest: Manifest) -> Facts:
    """Gather the facts, on at most 100,000 evenly spaced payments."""
    held_out = history.matrix[study.held_out]
    matrix = np.concatenate([study.compared_matrix, held_out])
    labels = np.concatenate([study.compared_labels, history.labels[study.held_out]])
    fraud = np.clip(np.concatenate([study.compared_fraud, study.scores]), SMALLEST, 1.0 - SMALLEST)
    kept = np.unique(np.linspace(0, len(labels) - 1, min(len(labels), _MOST_PAYMENTS)).astype(np.int64))
    simulated = history.sha256 == make_data.sha256()
    return Facts(
        manifest=manifest,
        history=history,
        held_out=len(study.held_out),
        classifier=classifier,
        comparisons=study.comparisons,
        chosen=study.chosen,
        matrix=matrix[kept],
        labels=labels[kept],
        fraud=fraud[kept],
        truth=true_probability(matrix[kept]) if simulated else None,
        thresholds=study.thresholds,
        costs=study.costs,
    )
