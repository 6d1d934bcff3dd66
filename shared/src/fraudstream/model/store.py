"""Models on disk: the stored versions, and the manifest that makes one of them active.

    models/versions/<content sha256>/fraud_model.pkl    stored versions, with manifests
    models/versions/<content sha256>/fraud_model.json
    models/fraud_model.pkl                              the active model's bytes, under a name that is easy to find
    models/fraud_model.json                             the active model's manifest: replaced last, to activate
    models/challenger.json                              the challenger's manifest, if there is a challenger

The content SHA-256 covers the model's bytes and its decision rule (`manifest`), so no version replaces another. A
version stored before the hash covered the rule has a folder named by the SHA-256 of its bytes alone.

Each file is replaced by a rename, so a reader sees the old or the new one whole. Between the last two renames (or after
a crash there) `fraud_model.pkl` is newer than the manifest; a reader then takes the bytes that the manifest names from
`versions/`. Bytes are unpickled only if they have the SHA-256 in the manifest.
"""

import hashlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import joblib
import structlog

from fraudstream.errors import ModelUnfitError
from fraudstream.model.checks import check, make_model
from fraudstream.model.decision import Costs, Thresholds
from fraudstream.model.encoding import Encoding
from fraudstream.model.fraud_model import Classifier, FraudModel
from fraudstream.model.manifest import (
    TRAIN_AGAIN,
    Libraries,
    Manifest,
    ManifestCosts,
    ManifestThresholds,
    encode,
    read_file,
    read_manifest,
)
from fraudstream.payment_schema import PaymentSchema, default_schema
from fraudstream.runtime.own_command import own_command
from fraudstream.runtime.regular_files import SHARED_MODE, make_shared_folder, replace_regular

__all__ = [
    "NO_PINS",
    "activate",
    "active",
    "challenge",
    "kept",
    "load",
    "previous",
    "reference_payment",
    "rollback",
    "save",
]

MODEL_FILE = "fraud_model.pkl"
MANIFEST_FILE = "fraud_model.json"
CHALLENGER_FILE = "challenger.json"
VERSIONS = "versions"

NO_PINS: frozenset[str] = frozenset()
"""For a folder that holds only models made by the caller itself."""
_MOST_MODEL_BYTES = 256 << 20


def save(
    models_dir: Path,
    classifier: Classifier,
    *,
    kind: str,
    encoding: Encoding | None = None,
    thresholds: Thresholds,
    costs: Costs | None = None,
    review_capacity: float | None = None,
    training_sha256: str,
    training_rows: int,
    settings: str,
    metrics: Mapping[str, float],
    reference: Mapping[str, Any] | None = None,
) -> Manifest:
    """Store `classifier` and its decision rule as a version in `models_dir`, and activate it.

    The rule is `costs`, or `thresholds` without them. Without an `encoding`, it is the default schema's.
    The same model with the same rule is the same version; its manifest then describes the later training.
    """
    buffer = io.BytesIO()
    joblib.dump(classifier, buffer)
    content = buffer.getvalue()
    manifest = Manifest(
        sha256=hashlib.sha256(content).hexdigest(),
        kind=kind,
        features=_or_default(encoding).names,
        encoding=encoding.fields if encoding else None,
        thresholds=ManifestThresholds(review=thresholds.review, block=thresholds.block),
        costs=ManifestCosts.of(costs) if costs else None,
        review_capacity=review_capacity,
        libraries=Libraries.installed(),
        training_sha256=training_sha256,
        training_rows=training_rows,
        settings=settings,
        metrics=metrics,
        reference=reference or {},
    )
    for same in kept(models_dir):
        if same.content_sha256 == manifest.content_sha256:
            manifest = manifest.model_copy(update={"previous": same.previous, "older_version": same.older_version})
    folder = _folder(models_dir, manifest)
    with _writing(models_dir):
        for needed in (models_dir, folder.parent, folder):
            make_shared_folder(needed)
        replace_regular(folder / MODEL_FILE, content, SHARED_MODE)
        replace_regular(folder / MANIFEST_FILE, encode(manifest), SHARED_MODE)
    return activate(models_dir, manifest.content_sha256, by="trainer")


def activate(models_dir: Path, content_sha256: str, *, by: Literal["trainer", "user"] = "user") -> Manifest:
    """Activate a stored version, atomically, also while scorers read; its manifest names the previously active one."""
    manifest = _find(models_dir, content_sha256).model_copy(update={"activated_by": by})
    before = active(models_dir)
    if before is not None and before.content_sha256 not in {manifest.content_sha256, manifest.previous}:
        manifest = manifest.model_copy(update={"previous": before.content_sha256})
    return _switch(models_dir, manifest)


def previous(models_dir: Path) -> Manifest:
    """Return the previously active version, which a rollback activates. Raises ModelUnfitError if there is none."""
    now = read_manifest(models_dir / MANIFEST_FILE)
    if now.previous is None:
        raise ModelUnfitError(f"model {now.version} is the first one: there is no previous model")
    return _find(models_dir, now.previous)


def rollback(models_dir: Path) -> Manifest:
    """Activate the previously active version, with its rule. Raises ModelUnfitError if there is none."""
    return _switch(models_dir, previous(models_dir).model_copy(update={"activated_by": "user"}))


def active(models_dir: Path) -> Manifest | None:
    """Return the active version's manifest, None if it is missing or unreadable."""
    try:
        return read_manifest(models_dir / MANIFEST_FILE)
    except ModelUnfitError:
        return None


def _find(models_dir: Path, sha256: str) -> Manifest:
    """Return the stored version with that hash; in an older manifest, `previous` is the hash of a model's bytes."""
    folder = models_dir / VERSIONS / sha256
    if folder.is_dir():
        return read_manifest(folder / MANIFEST_FILE)
    for _, manifest in _versions(models_dir):
        if manifest.content_sha256 == sha256:
            return manifest
    raise ModelUnfitError(f"{models_dir / VERSIONS} holds no version {sha256}; see: {own_command('model list')}")


def _folder(models_dir: Path, manifest: Manifest) -> Path:
    """Return the folder of a version, which need not exist yet."""
    return models_dir / VERSIONS / (manifest.sha256 if manifest.older_version else manifest.content_sha256)


def _versions(models_dir: Path) -> Iterator[tuple[Path, Manifest]]:
    """Yield each stored version's folder and manifest; a folder that a crash left incomplete was never active."""
    for folder in sorted((models_dir / VERSIONS).glob("*")):
        try:
            manifest = read_manifest(folder / MANIFEST_FILE)
        except ModelUnfitError:
            continue
        if folder == _folder(models_dir, manifest):
            yield folder, manifest


def _switch(models_dir: Path, manifest: Manifest) -> Manifest:
    folder = _folder(models_dir, manifest)
    content = _content(folder, manifest)
    if content is None:
        raise ModelUnfitError(f"{folder / MODEL_FILE} is missing or damaged; {TRAIN_AGAIN}")
    with _writing(models_dir):
        replace_regular(folder / MANIFEST_FILE, encode(manifest), SHARED_MODE)
        replace_regular(models_dir / MODEL_FILE, content, SHARED_MODE)
        replace_regular(models_dir / MANIFEST_FILE, encode(manifest), SHARED_MODE)
    return manifest


def repair(models_dir: Path, pins: frozenset[str], schema: PaymentSchema | None = None) -> Manifest:
    """Return the active version, after restoring its bytes in `fraud_model.pkl` if they were lost.

    Nothing is unpickled. Raises ModelUnfitError if `load` with the same arguments would refuse the model.
    """
    manifest, content = _read(models_dir, pins, schema or default_schema())
    if _content(models_dir, manifest) == content:
        return manifest
    return activate(models_dir, manifest.content_sha256, by=manifest.activated_by)


def kept(models_dir: Path) -> list[Manifest]:
    """Return the manifests of the stored versions that are intact, ordered by content SHA-256."""
    intact = [manifest for folder, manifest in _versions(models_dir) if _is_intact(folder, manifest)]
    return sorted(intact, key=lambda manifest: manifest.content_sha256)


def _is_intact(folder: Path, manifest: Manifest) -> bool:
    try:
        return _content(folder, manifest) is not None
    except ModelUnfitError:
        return False


def challenge(models_dir: Path, content_sha256: str | None) -> None:
    """Make a stored version the challenger, which scores in shadow mode; None: remove the challenger."""
    with _writing(models_dir):
        if content_sha256 is None:
            (models_dir / CHALLENGER_FILE).unlink(missing_ok=True)
        else:
            replace_regular(models_dir / CHALLENGER_FILE, encode(_find(models_dir, content_sha256)), SHARED_MODE)


def load_challenger(
    models_dir: Path, pins: frozenset[str], schema: PaymentSchema | None = None
) -> tuple[FraudModel, Manifest] | None:
    """Return the challenger, with the checks that `load` makes for the active model; None if there is no challenger."""
    path = models_dir / CHALLENGER_FILE
    if not os.path.lexists(path):
        return None
    manifest, schema = read_manifest(path), schema or default_schema()
    check(path, manifest, pins, schema)
    content = _content(_folder(models_dir, manifest), manifest)
    if content is None:
        raise ModelUnfitError(f"{path} names model {manifest.version}, whose bytes are missing or damaged")
    return make_model(path, manifest, content, schema), manifest


def load(
    models_dir: Path,
    pins: frozenset[str],
    schema: PaymentSchema | None = None,
    *,
    review: float | None = None,
    block: float | None = None,
) -> tuple[FraudModel, Manifest]:
    """Return the active model, after all checks, and its manifest.

    With `pins`, the model must have one of these content SHA-256s; without, any intact model is accepted. It must have
    the features of `schema`; None: the default schema. `review` and `block` replace the manifest's rule by thresholds,
    and so give the model another version. Raises ModelUnfitError, which names the problem, the file and the remedy.
    """
    schema = schema or default_schema()
    manifest, content = _read(models_dir, pins, schema)
    return make_model(models_dir / MANIFEST_FILE, manifest.with_thresholds(review, block), content, schema), manifest


def _read(models_dir: Path, pins: frozenset[str], schema: PaymentSchema) -> tuple[Manifest, bytes]:
    """Return the active model's manifest and bytes, both checked; nothing is unpickled."""
    path, file = models_dir / MANIFEST_FILE, models_dir / MODEL_FILE
    manifest = read_manifest(path)
    check(path, manifest, pins, schema)
    content = _content(models_dir, manifest)
    if content is None:
        folder = _folder(models_dir, manifest)
        content = _content(folder, manifest)
        if content is None:
            state = "not the file that its manifest describes" if file.exists() else "missing"
            raise ModelUnfitError(f"{file} is {state}; {TRAIN_AGAIN}")
        structlog.get_logger().warning("model file differs", file=str(file), used=str(folder / MODEL_FILE))
    return manifest, content


def _or_default(encoding: Encoding | None) -> Encoding:
    return encoding or Encoding.without_levels(default_schema())


def reference_payment(payment: Sequence[float], encoding: Encoding | None = None) -> dict[str, float]:
    """Return the payment, encoded, against which scores are explained, in the form of the manifest's `reference`."""
    names = _or_default(encoding).names
    return {name: float(value) for name, value in zip(names, payment, strict=True) if value == value}  # noqa: PLR0124


def _content(folder: Path, manifest: Manifest) -> bytes | None:
    """Return the model's bytes in `folder`, None unless they have the manifest's SHA-256."""
    try:
        content = read_file(folder / MODEL_FILE, _MOST_MODEL_BYTES)
    except FileNotFoundError:
        return None
    return content if hashlib.sha256(content).hexdigest() == manifest.sha256 else None


@contextmanager
def _writing(models_dir: Path) -> Iterator[None]:
    """Raise ModelUnfitError for an OSError in the block."""
    try:
        yield
    except OSError as error:
        problem = f"{models_dir} can't be written ({error.strerror}); make the folder writable for this user"
        raise ModelUnfitError(problem) from error
