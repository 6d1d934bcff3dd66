"""The three models: the shipped default, boosting, and a plain logistic regression; and their companions.

A `bare` model has no reference, so the scorer gives no reasons and computes no drift; a `watched` one has; a
`challenged` one has a challenger of its own kind as well. These flag 3 % of the payments.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from fraudstream.arrays import Floats
from fraudstream.model import drift_reference as drift
from fraudstream.model import store
from fraudstream.model.encoding import Encoding
from fraudstream.model.fraud_model import Classifier, Thresholds
from fraudstream.model.manifest import Manifest, read_manifest
from fraudstream.payment_schema import default_schema
from fraudstream.simulation import labels, simulate
from trainer.candidates import candidates

_ENCODING = Encoding.without_levels(default_schema())
_ROWS = 20_000
_THRESHOLDS = Thresholds(review=0.10, block=0.50)
_REVIEWED, _BLOCKED = 0.97, 0.99
"""Quantiles of the scores."""
_TRAINING_TIMEOUT_S = 300


def make(folder: Path) -> dict[str, Path]:
    """Train all three, each into a models folder of its own, and their companions; return the folders by name."""
    matrix, fraud = _history(seed=0)
    boosting = HistGradientBoostingClassifier(max_iter=100, early_stopping=False, random_state=0).fit(matrix, fraud)
    logistic = Pipeline([("scaler", StandardScaler()), ("regression", LogisticRegression())]).fit(matrix, fraud)
    alone = ("default", "hgb", "logistic")
    accompanied = ("default_bare", "default_watched", "default_challenged", "hgb_bare", "hgb_watched", "swapped")
    folders = {name: folder / name for name in (*alone, *accompanied)}
    _train_default(folders["default"])
    _save(folders["hgb"], boosting, "hgb")
    version = _save(folders["logistic"], logistic, "logistic").version
    parameters(folders["logistic"]).write_text(json.dumps(_parameters(logistic, version)), encoding="utf-8")
    _accompany(folders, matrix)
    return folders


def parameters(folder: Path) -> Path:
    """Write the logistic model's coefficients, for programs that can't load the model itself."""
    return folder / "parameters.json"


def _history(seed: int) -> tuple[Floats, NDArray[np.int64]]:
    """Return payments, and which of them are frauds."""
    rng = np.random.default_rng(seed)
    matrix = simulate(rng, _ROWS).matrix()
    return matrix, labels(rng, matrix)


def _accompany(folders: Mapping[str, Path], matrix: Floats) -> None:
    for name in ("default", "hgb"):
        model, manifest = store.load(folders[name], store.NO_PINS)
        scores = model.score(matrix)
        thresholds = Thresholds(*np.quantile(scores, [_REVIEWED, _BLOCKED]).tolist())
        reference = {
            "payment": store.reference_payment(np.median(matrix, axis=0).tolist()),
            drift.KEY: drift.Reference.of(_ENCODING, matrix, scores).as_json(),
        }
        for companion, known in (("bare", {}), ("watched", reference)):
            _save(folders[f"{name}_{companion}"], model.classifier, manifest.kind, thresholds, known)
    _challenge(folders["default_watched"], folders["default_challenged"])
    for kept in ("default_watched", "hgb_watched"):
        shutil.copytree(folders[kept], folders["swapped"], dirs_exist_ok=True)


def _challenge(champion: Path, folder: Path) -> None:
    """Copy the champion's folder, and add a challenger of its kind, trained on other payments."""
    manifest = read_manifest(champion / store.MANIFEST_FILE)
    fit = next(candidate.fit for candidate in candidates(_ENCODING) if candidate.name == manifest.kind)
    challenger = _save(folder, fit(*_history(seed=1), 1), manifest.kind)
    shutil.copytree(champion, folder, dirs_exist_ok=True)
    store.challenge(folder, challenger.content_sha256)


def _save(
    folder: Path,
    classifier: Classifier,
    kind: str,
    thresholds: Thresholds = _THRESHOLDS,
    reference: Mapping[str, Any] | None = None,
) -> Manifest:
    folder.mkdir(parents=True)
    return store.save(
        folder,
        classifier,
        kind=kind,
        thresholds=thresholds,
        training_sha256="0" * 64,
        training_rows=_ROWS,
        settings="benchmark",
        metrics={},
        reference=reference,
    )


def _train_default(folder: Path) -> None:
    folder.mkdir(parents=True)
    env = {**os.environ, "MODELS_DIR": str(folder), "LOG_LEVEL": "error"}
    subprocess.run([sys.executable, "-m", "trainer"], env=env, check=True, timeout=_TRAINING_TIMEOUT_S)


def _parameters(pipeline: Pipeline, version: str) -> dict[str, object]:
    scaler, regression = pipeline["scaler"], pipeline["regression"]
    return {
        "version": version,
        "mean": scaler.mean_.tolist(),
        "scale": scaler.scale_.tolist(),
        "coefficients": regression.coef_[0].tolist(),
        "intercept": float(regression.intercept_[0]),
        "review": _THRESHOLDS.review,
        "block": _THRESHOLDS.block,
    }
