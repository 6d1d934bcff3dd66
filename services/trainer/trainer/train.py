"""The whole of training: history → compare → evaluate → fit on everything → keep and activate."""

from pathlib import Path
from typing import Any

import numpy as np
import structlog
from threadpoolctl import threadpool_limits

from fraudstream import artifact
from fraudstream.artifact import Libraries, Manifest
from fraudstream.drift import reference as drift
from fraudstream.errors import ModelUnfitError
from fraudstream.model import Classifier, FraudModel, Thresholds
from fraudstream.settings import TrainingSettings
from trainer import evaluate, fit
from trainer.history import History

# raise it when the manifest's reference is made in another way than before: kept versions then no longer match
REFERENCE = 1
DEFAULT_THRESHOLDS = Thresholds(review=0.10, block=0.50)

log = structlog.get_logger()


def train(history: History, settings: TrainingSettings, models_dir: Path) -> Manifest:
    """Choose, evaluate, fit and activate a model; the same history, seed and libraries give the same bytes.

    One thread: sums in another order would give other bytes on a machine with another number of cores.
    """
    with threadpool_limits(1):
        learn, held_out = evaluate.split(history.labels, settings.seed)
        matrix, labels = history.matrix[learn], history.labels[learn]
        comparisons = fit.compare(matrix, labels, settings.seed)
        chosen = fit.choose(comparisons)
        for comparison in comparisons:
            log.info(
                "candidate",
                name=comparison.candidate.name,
                log_loss=round(comparison.log_loss, 5),
                above_best=round(comparison.excess, 5),
                standard_error=round(comparison.standard_error, 5),
                chosen=comparison.candidate is chosen,
            )
        trial = chosen.fit(matrix, labels, settings.seed)
        scores = trial.predict_proba(history.matrix[held_out])[:, 1]
        metrics = evaluate.metrics(history.labels[held_out], scores)
        log.info("held out", payments=len(held_out), **{name: round(value, 4) for name, value in metrics.items()})
        classifier = chosen.fit(history.matrix, history.labels, settings.seed)
        reference = _reference(classifier, history)
    return artifact.save(
        models_dir,
        classifier,
        kind=chosen.name,
        thresholds=DEFAULT_THRESHOLDS,
        training_sha256=history.sha256,
        training_rows=len(history.labels),
        settings=fingerprint(settings),
        metrics=metrics | {f"cv_log_loss_{item.candidate.name}": item.log_loss for item in comparisons},
        reference=reference | {"payment": artifact.reference_payment(usual(history))},
    )


def usual(history: History) -> list[float]:
    """Each field's median over the legitimate payments: the payment against which scores are explained."""
    legitimate = history.matrix[history.labels == 0]
    medians: list[float] = np.quantile(legitimate, 0.5, axis=0, method="lower").tolist()
    return medians


def already_trained(history: History, settings: TrainingSettings, models_dir: Path) -> Manifest | None:
    """A kept version that training now would only make again, whether or not it is the active one."""
    installed = Libraries.installed()
    for manifest in artifact.kept(models_dir):
        same = (manifest.training_sha256, manifest.settings) == (history.sha256, fingerprint(settings))
        if same and manifest.libraries.fits(installed):
            return manifest
    return None


def ensure_active(manifest: Manifest, models_dir: Path) -> str:
    """The version that is active; `manifest`'s only where none is usable, so that a rollback stays."""
    try:
        return artifact.mend(models_dir).version
    except ModelUnfitError:
        return artifact.activate(models_dir, manifest.sha256).version


def fingerprint(settings: TrainingSettings) -> str:
    """All but the history and the libraries that decides what training makes."""
    thresholds = f"{DEFAULT_THRESHOLDS.review:g}/{DEFAULT_THRESHOLDS.block:g}"
    return f"recipe {fit.RECIPE}, seed {settings.seed}, thresholds {thresholds}, reference {REFERENCE}"


def _reference(classifier: Classifier, history: History) -> dict[str, Any]:
    """What the scorer measures drift from: the history's payments, and their scores as it would give them."""
    model = FraudModel(version="in training", classifier=classifier, thresholds=DEFAULT_THRESHOLDS)
    return {drift.KEY: drift.Reference.of(history.matrix, model.score(history.matrix)).as_json()}
