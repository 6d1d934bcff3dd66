"""Training: history → study → model fitted to the whole history → stored, activated and reported."""

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import structlog
from threadpoolctl import threadpool_limits

from fraudstream.errors import ModelUnfitError
from fraudstream.model import drift_reference as drift
from fraudstream.model import store
from fraudstream.model.checks import check_pinned
from fraudstream.model.encoding import Encoding
from fraudstream.model.fraud_model import Classifier, FraudModel
from fraudstream.model.manifest import Libraries, Manifest
from fraudstream.payment_schema import PaymentSchema
from fraudstream.runtime.currency import CurrencySettings
from fraudstream.runtime.settings import TrainingSettings
from trainer import fit, history_warnings
from trainer.history import History
from trainer.report import files
from trainer.report.facts import gather
from trainer.study import Study, final_model, study
from trainer.usual import usual

# increase it when the manifest's reference is computed differently: stored versions then no longer match
REFERENCE = 2
_DIGITS = 12


def train(history: History, settings: TrainingSettings, models_dir: Path) -> Manifest:
    """Choose, evaluate, fit and activate a model; the same history, seed and libraries give the same bytes.

    One thread: the order of sums, and so the bytes, would depend on the machine's number of cores.
    """
    started_s = time.monotonic()
    history_warnings.warn(history)
    with threadpool_limits(1):
        found = study(history, settings)
        model = final_model(history, found, settings.seed)
        reference = _reference(model, history, found)
    manifest = store.save(
        models_dir,
        model.classifier,
        kind=found.chosen.candidate.name,
        encoding=history.encoding,
        thresholds=found.thresholds,
        costs=model.costs,
        review_capacity=settings.review_capacity,
        training_sha256=history.sha256,
        training_rows=history.count,
        settings=fingerprint(settings, history.schema),
        metrics=found.metrics | {f"cv_log_loss_{item.candidate.name}": item.log_loss for item in found.comparisons},
        reference=reference | {"payment": store.reference_payment(usual(history), history.encoding)},
    )
    page = _report(history, found, model.classifier, manifest, models_dir, settings)
    _log(history, manifest, page, time.monotonic() - started_s)
    return manifest


def _log(history: History, manifest: Manifest, page: Path | None, seconds: float) -> None:
    """Log which model is active now, how good it is on the held-out payments, and where the report on it is."""
    metrics = manifest.metrics
    costs = {"cost_per_payment": "cost_per_payment", "without_model": "cost_per_payment_all_approved"}
    structlog.get_logger().info(
        "model trained",
        version=manifest.version,
        kind=manifest.kind,
        average_precision=round(metrics["average_precision"], 2),
        by_chance=round(metrics["fraud_rate"], 2),
        log_loss=round(metrics["log_loss"], 3),
        **({name: round(metrics[metric], 2) for name, metric in costs.items()} if history.has_amounts else {}),
        seconds=round(seconds, 1),
        **({} if page is None else {"report": str(page)}),
    )


def _report(
    history: History,
    found: Study,
    classifier: Classifier,
    manifest: Manifest,
    models_dir: Path,
    currency: CurrencySettings,
) -> Path | None:
    """Write the report and return its path; a failure is only a warning, as the model is active already."""
    try:
        with threadpool_limits(1):
            return files.write(models_dir, gather(history, found, classifier, manifest, currency))
    except Exception as error:  # noqa: BLE001 - from a full disk to a field that no plot expects
        structlog.get_logger().warning("report not written", reason=f"{type(error).__name__}: {error}", model="active")
        return None


def already_trained(history: History, settings: TrainingSettings, models_dir: Path) -> Manifest | None:
    """Return a stored version that training would reproduce, or None; the active one if it is among them."""
    installed = Libraries.installed()
    inputs = history.sha256, fingerprint(settings, history.schema)
    matches = {
        manifest.content_sha256: manifest
        for manifest in store.kept(models_dir)
        if (manifest.training_sha256, manifest.settings) == inputs and manifest.libraries.fits(installed)
    }
    active = store.active(models_dir)
    return matches.get(active.content_sha256 if active else "", next(iter(matches.values()), None))


def ensure_active(manifest: Manifest, models_dir: Path, pins: frozenset[str], schema: PaymentSchema) -> str:
    """Return the version that is active afterwards: `manifest`, unless a user chose or pinned another usable one.

    Nothing is unpickled. Raises ModelUnfitError if there are pins that include neither.
    """
    try:
        active = store.repair(models_dir, pins, schema)
    except ModelUnfitError:
        check_pinned(models_dir / store.VERSIONS, manifest, pins)
        return store.activate(models_dir, manifest.content_sha256, by="trainer").version
    is_pinned = not pins or manifest.content_sha256 in pins
    if active.activated_by == "trainer" and active.content_sha256 != manifest.content_sha256 and is_pinned:
        active = store.activate(models_dir, manifest.content_sha256, by="trainer")
    return active.version


def fingerprint(settings: TrainingSettings, schema: PaymentSchema) -> str:
    """Return the settings and constants that determine the model, besides the history and the libraries."""
    costs = (
        f"cost of a review {settings.cost_of_review!r}, of a wrong block {settings.cost_of_wrong_block!r}, "
        f"of a fraud {settings.cost_of_fraud!r}"
    )
    limits = f"block from {settings.min_block_probability!r}, review capacity {settings.review_capacity!r}"
    features = f"features {_features_sha256(schema)[:_DIGITS]}, amount {schema.amount}"
    return f"recipe {fit.RECIPE}, seed {settings.seed}, {features}, {costs}, {limits}, reference {REFERENCE}"


def _features_sha256(schema: PaymentSchema) -> str:
    """Return the hash of the features as the model sees them, and of those that are secret."""
    encoding = Encoding.without_levels(schema)
    secret = [schema.fields[name].secret for name in encoding.names]
    return hashlib.sha256(json.dumps([encoding.as_json(), secret]).encode()).hexdigest()


def _reference(model: FraudModel, history: History, found: Study) -> dict[str, Any]:
    """Return the prices behind the decision rule and the drift reference: the history as the scorer would score it."""
    costs = {"review": found.costs.review, "wrong_block": found.costs.wrong_block}
    distributions = drift.Reference.of(history.encoding, history.matrix, model.score(history.matrix))
    return {"costs": costs, drift.KEY: distributions.as_json()}
