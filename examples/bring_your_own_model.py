"""Train a classifier of your own and activate it: `python examples/bring_your_own_model.py`.

Running scorers take it within 2 s, without a restart; `fraudstream model rollback` returns to the previous one. Any
scikit-learn classifier with `predict_proba` works, if all that its pickle imports is installed where the scorer runs.
"""

import hashlib
import os
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from fraudstream.model import store
from fraudstream.model.decision import Costs, Thresholds
from fraudstream.model.encoding import Encoding
from fraudstream.payment_schema import default_schema

HISTORY = Path(os.environ.get("TRAINING_DATA", "data/historical_payments.csv"))
MODELS = Path(os.environ.get("MODELS_DIR", "models"))


def main() -> None:
    """Train on the history, measure on a part that was held back, save and activate."""
    history = pd.read_csv(HISTORY)
    columns = {str(name): column.tolist() for name, column in history.items()}
    encoding = Encoding.of(default_schema(), columns)
    matrix, labels = encoding.matrix(columns), history["is_fraud"].to_numpy()
    train_matrix, test_matrix, train_labels, test_labels = train_test_split(
        matrix, labels, test_size=0.2, random_state=0, stratify=labels
    )
    classifier = ExtraTreesClassifier(n_estimators=50, min_samples_leaf=20, random_state=0)
    classifier.fit(train_matrix, train_labels)
    auc = roc_auc_score(test_labels, classifier.predict_proba(test_matrix)[:, 1])
    manifest = store.save(
        MODELS,
        classifier,
        kind="extra_trees",
        encoding=encoding,
        # the cheapest decision for each payment; without costs, the thresholds decide
        thresholds=Thresholds(review=0.1, block=0.5),
        costs=Costs(fraud=15.0, review=5.0, wrong_block=25.0, min_block=0.5),
        training_sha256=hashlib.sha256(HISTORY.read_bytes()).hexdigest(),
        training_rows=len(labels),
        settings="examples/bring_your_own_model.py",
        metrics={"auc": float(auc)},
        # reasons compare a payment with this one
        reference={"payment": store.reference_payment(np.median(matrix[labels == 0], axis=0), encoding)},
    )
    # chosen by a user: the trainer leaves it active
    store.activate(MODELS, manifest.content_sha256, by="user")
    print(f"{manifest.version} is active in {MODELS}; AUC on held-back payments {auc:.3f}")


if __name__ == "__main__":
    main()
