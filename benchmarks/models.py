"""The three models: the shipped default, boosting, and a plain logistic regression."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from fraudstream import artifact
from fraudstream.model import Classifier, Thresholds
from fraudstream.simulation import labels, simulate

_ROWS = 20_000
_THRESHOLDS = Thresholds(review=0.10, block=0.50)
_TRAINING_TIMEOUT_S = 300


def make(folder: Path) -> dict[str, Path]:
    """Train all three, each into a models folder of its own; returns the folders by name."""
    rng = np.random.default_rng(0)
    matrix = simulate(rng, _ROWS).matrix()
    fraud = labels(rng, matrix)
    boosting = HistGradientBoostingClassifier(max_iter=100, early_stopping=False, random_state=0).fit(matrix, fraud)
    logistic = Pipeline([("scaler", StandardScaler()), ("regression", LogisticRegression())]).fit(matrix, fraud)
    folders = {name: folder / name for name in ("default", "hgb", "logistic")}
    _train_default(folders["default"])
    _save(folders["hgb"], boosting, "hgb")
    version = _save(folders["logistic"], logistic, "logistic")
    parameters(folders["logistic"]).write_text(json.dumps(_parameters(logistic, version)), encoding="utf-8")
    return folders


def parameters(folder: Path) -> Path:
    """The logistic model's coefficients, for those who can't load the model itself."""
    return folder / "parameters.json"


def _save(folder: Path, classifier: Classifier, kind: str) -> str:
    folder.mkdir(parents=True)
    return artifact.save(
        folder,
        classifier,
        kind=kind,
        thresholds=_THRESHOLDS,
        training_sha256="0" * 64,
        training_rows=_ROWS,
        settings="benchmark",
        metrics={},
    ).version


def _train_default(folder: Path) -> None:
    folder.mkdir(parents=True)
    env = {**os.environ, "PYTHONPATH": "services/trainer", "MODELS_DIR": str(folder), "LOG_LEVEL": "error"}
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
