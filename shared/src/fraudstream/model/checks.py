"""Checks of a manifest and a model's bytes, and the model made of them: all problems are found before it scores."""

import io
import sys
from importlib import import_module, metadata
from pathlib import Path

import joblib
import numpy as np

from fraudstream.arrays import Floats
from fraudstream.errors import ModelUnfitError
from fraudstream.model.decision import Thresholds
from fraudstream.model.encoding import Encoding
from fraudstream.model.fraud_model import Classifier, FraudModel
from fraudstream.model.manifest import PAYMENT, TRAIN, TRAIN_AGAIN, Manifest
from fraudstream.payment_schema import PaymentSchema, default_schema

_MOVED = ("calibration", "curves")
"""Modules that pickles of earlier releases import as `fraudstream.NAME`."""


def check_pinned(path: Path, manifest: Manifest, pins: frozenset[str]) -> None:
    """Raise ModelUnfitError if there are pins, and the model of the manifest in `path` is not among them."""
    if not pins or manifest.content_sha256 in pins:
        return
    if manifest.sha256 in pins:
        raise ModelUnfitError(
            f"MODEL_SHA256 is the hash of the bytes of model {manifest.version} alone, as in earlier releases, and "
            f"does not cover its {_described(manifest)} in {path}; "
            f"if these are correct, set MODEL_SHA256 to {manifest.content_sha256}"
        )
    raise ModelUnfitError(
        f"{path} names model {manifest.content_sha256}, which is not pinned; "
        "set MODEL_SHA256 to it, or activate a pinned model"
    )


def _described(manifest: Manifest) -> str:
    numbers = [f"{name} {value:g}" for name, value in manifest.rule.parameters().items()]
    return f"{'thresholds' if manifest.costs is None else 'costs'}, {', '.join(numbers[:-1])} and {numbers[-1]}"


def check(path: Path, manifest: Manifest, pins: frozenset[str], schema: PaymentSchema) -> None:
    """Raise ModelUnfitError if the model of the manifest in `path` can't score payments of `schema`, or has no pin."""
    check_pinned(path, manifest, pins)
    installed = metadata.version("scikit-learn")
    if manifest.libraries.scikit_learn != installed:
        raise ModelUnfitError(
            f"{path} was trained with scikit-learn {manifest.libraries.scikit_learn}, "
            f"but {installed} is installed; {TRAIN}"
        )
    try:
        encoding_of(manifest).check(schema)
    except ModelUnfitError as error:
        raise ModelUnfitError(f"{path}: {error}; {TRAIN_AGAIN}") from None


def encoding_of(manifest: Manifest) -> Encoding:
    """Return the encoding of a manifest's features. Raises ModelUnfitError if it has none, and other features."""
    if manifest.encoding is not None:
        return Encoding(fields=manifest.encoding)
    encoding = Encoding.without_levels(default_schema())
    if manifest.features != encoding.names:
        raise ModelUnfitError(
            f"the model was trained on {', '.join(manifest.features)}, and its manifest has no encoding of them"
        )
    return encoding


def make_model(path: Path, manifest: Manifest, content: bytes, schema: PaymentSchema) -> FraudModel:
    """Return the model unpickled from checked bytes. Raises ModelUnfitError, which names the manifest's `path`."""
    encoding = encoding_of(manifest)
    return FraudModel(
        content_sha256=manifest.content_sha256,
        classifier=_unpickle(path, content),
        schema=schema,
        encoding=encoding,
        thresholds=Thresholds(manifest.thresholds.review, manifest.thresholds.block),
        costs=manifest.costs.rule() if manifest.costs else None,
        reference=_reference(path, manifest, encoding),
    )


def _reference(path: Path, manifest: Manifest, encoding: Encoding) -> Floats | None:
    payment = manifest.reference.get(PAYMENT)
    if payment is None:
        return None
    values = np.array([payment.get(name, np.nan) for name in encoding.names], dtype=np.float64)
    invalid = [one.name for one, value in zip(encoding.fields, values.tolist(), strict=True) if not one.accepts(value)]
    if invalid:
        raise ModelUnfitError(f"{path}: reference.{PAYMENT} has no valid {', '.join(invalid)}; {TRAIN_AGAIN}")
    return values


def _unpickle(path: Path, content: bytes) -> Classifier:
    for name in _MOVED:  # imported here, with scikit-learn: commands that only list models need neither
        sys.modules.setdefault(f"fraudstream.{name}", import_module(f"fraudstream.model.{name}"))
    try:
        classifier: Classifier = joblib.load(io.BytesIO(content))
    except Exception as error:  # an unpickled constructor may raise any exception
        raise ModelUnfitError(
            f"the model of {path} can't be loaded ({type(error).__name__}: {error}); {TRAIN_AGAIN}"
        ) from error
    if not callable(getattr(classifier, "predict_proba", None)):
        raise ModelUnfitError(
            f"the model of {path}, a {type(classifier).__name__}, has no method predict_proba; {TRAIN_AGAIN}"
        )
    if np.asarray(getattr(classifier, "classes_", (0, 1))).tolist() != [0, 1]:
        raise ModelUnfitError(f"the model of {path} was trained on labels other than 0 and 1; {TRAIN_AGAIN}")
    return classifier
