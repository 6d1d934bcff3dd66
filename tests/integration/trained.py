"""Quick models for tests: of the default schema, and of an example."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from fraudstream.model import store
from fraudstream.model.curves import Basis, CurveLogit
from fraudstream.model.encoding import Encoding
from fraudstream.model.fraud_model import Thresholds
from fraudstream.model.manifest import Manifest
from fraudstream.payment_files.reading import opened
from fraudstream.payment_files.rows import LABEL, known_payments
from fraudstream.payment_schema import PaymentSchema
from fraudstream.simulation import simulate


@cache
def _classifier(strength: float) -> CurveLogit:
    """Return straight lines, of the class of the default model: scikit-learn's own would double a scorer's start."""
    matrix = simulate(np.random.default_rng(1), 4_000).matrix()
    labels = (matrix[:, 2] + 3 * matrix[:, 4] > 4).astype(np.int64)
    basis = Basis.of(matrix, knots=2, harmonics=1)
    columns = basis.expand(matrix)
    fitted = LogisticRegression(C=strength).fit(columns, labels)
    width, features = columns.shape[1], len(basis.groups)
    return CurveLogit(
        basis=basis,
        intercept=float(fitted.intercept_[0]),
        weights=fitted.coef_[0],
        curves=np.zeros((width, features)),
        shift=np.zeros(features),
        pairs=np.zeros((features, features)),
    )


def save_model(
    folder: Path, strength: float = 1.0, usual: Sequence[float] | None = None, review: float = 0.1
) -> Manifest:
    """Train a quick model and activate it; another strength or rule is another version. Explained against `usual`."""
    return store.save(
        folder,
        _classifier(strength),
        kind="test",
        thresholds=Thresholds(review=review, block=0.5),
        training_sha256="a" * 64,
        training_rows=4_000,
        settings="test",
        metrics={},
        reference={"payment": store.reference_payment(usual)} if usual else None,
    )


def save_model_of(folder: Path, schema: PaymentSchema, history: Path, strength: float) -> Manifest:
    """Train quick trees on a history of the schema and activate them; another strength is another version."""
    with opened(history, known_payments(schema)) as table:
        rows = [row for batch in table.batches for row in batch.rows]
    columns = {one.name: [row[one.name] for row in rows] for one in schema.features}
    encoding = Encoding.of(schema, columns)
    matrix, labels = encoding.matrix(columns), np.array([row[LABEL] for row in rows])
    trees = HistGradientBoostingClassifier(max_iter=20, l2_regularization=strength, random_state=0)
    return store.save(
        folder,
        trees.fit(matrix, labels),
        kind="test",
        encoding=encoding,
        thresholds=Thresholds(review=0.1, block=0.5),
        training_sha256="a" * 64,
        training_rows=len(labels),
        settings="test",
        metrics={},
        reference={"payment": store.reference_payment(matrix[0].tolist(), encoding)},
    )
