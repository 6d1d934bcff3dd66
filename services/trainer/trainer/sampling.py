"""Fits in bounded memory: a candidate is fitted to all frauds and to a sample of the other payments.

With all of a million payments of 60 features, a regression takes 10 GB. Legitimate payments are plenty; frauds are
rare, and most of what a model learns it learns from them. The model of a sample with more frauds than the history has
log-odds that are too high by a constant (Prentice and Pyke, Logistic disease incidence models and case-control studies,
Biometrika 66, 1979), which is subtracted.
"""

from dataclasses import replace

import numpy as np

from fraudstream.arrays import Floats, Integers
from fraudstream.model.calibration import Calibrated
from fraudstream.model.classifier import Classifier
from fraudstream.model.curves import CurveLogit
from fraudstream.model.encoding import Encoding
from trainer.candidates import Candidate
from trainer.history import History

MOST_VALUES = 20_000_000
"""Rows times columns of a fit; each takes 8 bytes, and a regression needs about four times that."""
_COLUMNS_OF_NUMBER, _PRODUCTS = 6, 66
"""The highest number of columns of a feature that is not a category, and of products (`candidates`)."""
_BLOCK_ROWS = 100_000


def most_rows(encoding: Encoding) -> int:
    """Return the number of payments that any candidate may be fitted to."""
    width = sum(one.codes if one.kind == "category" else _COLUMNS_OF_NUMBER for one in encoding.fields)
    return MOST_VALUES // (width + _PRODUCTS)


def fitted(candidate: Candidate, history: History, rows: Integers, seed: int, most: int | None = None) -> Classifier:
    """Fit the candidate to these rows of the history and to its frauds beside the sample.

    Of more than `most` payments (by default `most_rows`), half are frauds at most, and the others a random sample.
    """
    most = most_rows(history.encoding) if most is None else most
    if len(rows) <= most and not len(history.frauds):
        return candidate.fit(history.matrix[rows], history.labels[rows], seed)
    rng = np.random.default_rng(seed)
    is_fraud = history.labels[rows] == 1
    frauds, others = rows[is_fraud], rows[~is_fraud]
    used_frauds = _at_most(rng, frauds, most // 2)
    beside = _at_most(rng, np.arange(len(history.frauds)), most // 2 - len(used_frauds))
    used_others = _at_most(rng, others, most - len(used_frauds) - len(beside))
    matrix = np.concatenate([history.matrix[used_frauds], history.frauds[beside], history.matrix[used_others]])
    labels = np.repeat([1, 0], [len(used_frauds) + len(beside), len(used_others)])
    odds, used_odds = len(frauds) / len(others), (len(used_frauds) + len(beside)) / len(used_others)
    return _shifted(candidate.fit(matrix, labels, seed), float(np.log(odds / used_odds)))


def probabilities(classifier: Classifier, matrix: Floats, rows: Integers) -> Floats:
    """Return the probability of fraud for these rows, block by block."""
    starts = range(0, len(rows), _BLOCK_ROWS)
    parts = [classifier.predict_proba(matrix[rows[start : start + _BLOCK_ROWS]])[:, 1] for start in starts]
    return np.concatenate([np.empty(0), *parts])


def _at_most(rng: np.random.Generator, rows: Integers, most: int) -> Integers:
    if len(rows) <= most:
        return rows
    return np.sort(rng.choice(rows, max(0, most), replace=False))


def _shifted(classifier: Classifier, shift: float) -> Classifier:
    """Return the classifier with a constant added to its log-odds."""
    if isinstance(classifier, CurveLogit):
        return replace(classifier, intercept=classifier.intercept + shift)
    return Calibrated(classifier=classifier, rise=1.0, fall=1.0, shift=shift)
