"""The whole of training: history → compare → thresholds → evaluate → fit on everything → keep and activate."""

from pathlib import Path

import structlog
from threadpoolctl import threadpool_limits

from fraudstream import artifact
from fraudstream.artifact import Libraries, Manifest
from fraudstream.errors import ModelUnfitError
from fraudstream.settings import TrainingSettings
from trainer import evaluate, fit, thresholds
from trainer.history import History
from trainer.thresholds import Costs

log = structlog.get_logger()


def train(history: History, settings: TrainingSettings, models_dir: Path) -> Manifest:
    """Choose, evaluate, fit and activate a model; the same history, seed and libraries give the same bytes.

    One thread: sums in another order would give other bytes on a machine with another number of cores.
    """
    with threadpool_limits(1):
        learn, held_out = evaluate.split(history.labels, settings.seed)
        matrix, labels = history.matrix[learn], history.labels[learn]
        compared, outcomes = fit.at_most(fit.MOST_ROWS_COMPARED, matrix, labels, settings.seed)
        comparisons = fit.compare(compared, outcomes, settings.seed)
        best = fit.choose(comparisons)
        chosen = best.candidate
        for comparison in comparisons:
            log.info(
                "candidate",
                name=comparison.candidate.name,
                log_loss=round(comparison.log_loss, 5),
                above_best=round(comparison.excess, 5),
                standard_error=round(comparison.standard_error, 5),
                chosen=comparison.candidate is chosen,
            )
        costs = Costs(review=settings.cost_of_review, wrong_block=settings.cost_of_wrong_block)
        limits = thresholds.choose(best.fraud, compared[:, 0], costs)
        log.info("thresholds", review=limits.review, block=limits.block)
        trial = chosen.fit(matrix, labels, settings.seed)
        scores = trial.predict_proba(history.matrix[held_out])[:, 1]
        metrics = evaluate.metrics(history.labels[held_out], scores)
        metrics |= evaluate.costs(history.labels[held_out], scores, history.matrix[held_out, 0], limits, costs)
        log.info("held out", payments=len(held_out), **{name: round(value, 4) for name, value in metrics.items()})
        classifier = chosen.fit(history.matrix, history.labels, settings.seed)
    return artifact.save(
        models_dir,
        classifier,
        kind=chosen.name,
        thresholds=limits,
        training_sha256=history.sha256,
        training_rows=len(history.labels),
        settings=fingerprint(settings),
        metrics=metrics | {f"cv_log_loss_{item.candidate.name}": item.log_loss for item in comparisons},
        reference={"costs": {"review": costs.review, "wrong_block": costs.wrong_block}},
    )


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
    costs = f"cost of a review {settings.cost_of_review!r}, of a wrong block {settings.cost_of_wrong_block!r}"
    return f"recipe {fit.RECIPE}, seed {settings.seed}, {costs}"
