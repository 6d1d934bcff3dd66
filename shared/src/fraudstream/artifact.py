"""Models on disk: versions that are kept, one switch that makes one of them active, and the checks before it is used.

    models/versions/<sha256>/fraud_model.pkl    kept versions, named by their bytes, with manifests
    models/versions/<sha256>/fraud_model.json
    models/fraud_model.pkl                      the active one's bytes, under a name that is easy to find
    models/fraud_model.json                     the switch: the active one's manifest, replaced last
    models/challenger.json                      the manifest of the version that scores in the shadow, if one does

Each file is replaced by a rename, so a reader sees the old or the new one whole. Between the last two renames (or after
a crash there) `fraud_model.pkl` is newer than the switch; a reader then takes the bytes that the switch names from
`versions/`. Whatever it reads, it runs no byte of it unless all of them have the SHA-256 of the manifest.
"""

import hashlib
import io
import os
import platform
import stat
import tempfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import joblib
import numpy as np
import structlog
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fraudstream.errors import ModelUnfitError
from fraudstream.features import FEATURES
from fraudstream.model import Classifier, FraudModel, Thresholds

MODEL_FILE = "fraud_model.pkl"
MANIFEST_FILE = "fraud_model.json"
CHALLENGER_FILE = "challenger.json"
VERSIONS = "versions"
SHORT = 12

_TRAIN = "run the trainer: docker compose run --rm trainer, or make train"
_TRAIN_AGAIN = "train again: docker compose run --rm trainer python -m trainer --force, or make train ARGS=--force"
_FILE_MODE = 0o664
_FOLDER_MODE = 0o775

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Share = Annotated[float, Field(gt=0, lt=1)]


class Libraries(BaseModel):
    """The versions with which a model was trained."""

    model_config = ConfigDict(frozen=True)

    scikit_learn: str
    numpy: str
    fraudstream: str
    python: str

    @classmethod
    def installed(cls) -> "Libraries":
        """Those of this process."""
        return cls(
            scikit_learn=metadata.version("scikit-learn"),
            numpy=metadata.version("numpy"),
            fraudstream=metadata.version("fraudstream"),
            python=platform.python_version(),
        )

    def fits(self, other: "Libraries") -> bool:
        """Whether training with either gives the same model; Python's version does not matter to it."""
        return self.model_copy(update={"python": other.python}) == other


class ManifestThresholds(BaseModel):
    """As `model.Thresholds`, on disk."""

    model_config = ConfigDict(frozen=True)

    review: Share
    block: Share


class Manifest(BaseModel):
    """What is known of a model, beside its bytes. Fields that a later version adds are ignored by an earlier one."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    version: str = Field(min_length=SHORT, max_length=SHORT)
    sha256: Sha256
    kind: str
    """Which of the trainer's candidates it is."""
    features: tuple[str, ...]
    thresholds: ManifestThresholds
    libraries: Libraries
    training_sha256: Sha256
    training_rows: int
    settings: str
    """What else decides the result: a fingerprint of the trainer's settings and recipe."""
    metrics: Mapping[str, float]
    reference: Mapping[str, Any] = Field(default_factory=dict)
    """What scores are explained against and drift is measured from."""
    previous: Sha256 | None = None
    """The version that was active before this one was: where a rollback leads."""


def save(
    models_dir: Path,
    classifier: Classifier,
    *,
    kind: str,
    thresholds: Thresholds,
    training_sha256: str,
    training_rows: int,
    settings: str,
    metrics: Mapping[str, float],
    reference: Mapping[str, Any] | None = None,
) -> Manifest:
    """Keep `classifier` as a version of `models_dir` and make it the active one."""
    buffer = io.BytesIO()
    joblib.dump(classifier, buffer)
    content = buffer.getvalue()
    sha256 = hashlib.sha256(content).hexdigest()
    manifest = Manifest(
        version=sha256[:SHORT],
        sha256=sha256,
        kind=kind,
        features=FEATURES,
        thresholds=ManifestThresholds(review=thresholds.review, block=thresholds.block),
        libraries=Libraries.installed(),
        training_sha256=training_sha256,
        training_rows=training_rows,
        settings=settings,
        metrics=metrics,
        reference=reference or {},
    )
    try:
        _keep(models_dir, manifest, content)
    except OSError as error:
        raise _unwritable(models_dir, error) from error
    activate(models_dir, sha256)
    return manifest


def activate(models_dir: Path, sha256: str) -> Manifest:
    """Make a kept version the active one; atomic, and safe while scorers read. It remembers which was active before."""
    folder = models_dir / VERSIONS / sha256
    manifest = read_manifest(folder / MANIFEST_FILE)
    before = active(models_dir)
    if before is not None and before.sha256 not in {sha256, manifest.previous}:
        manifest = manifest.model_copy(update={"previous": before.sha256})
    return _switch(models_dir, manifest)


def rollback(models_dir: Path) -> Manifest:
    """Make the version active that was so before. Raises ModelUnfitError where none was."""
    now = read_manifest(models_dir / MANIFEST_FILE)
    if now.previous is None:
        raise ModelUnfitError(f"model {now.version} is the first one: there is none to go back to")
    return _switch(models_dir, read_manifest(models_dir / VERSIONS / now.previous / MANIFEST_FILE))


def active(models_dir: Path) -> Manifest | None:
    """The active version's manifest, if there is one that can be read."""
    try:
        return read_manifest(models_dir / MANIFEST_FILE)
    except ModelUnfitError:
        return None


def _switch(models_dir: Path, manifest: Manifest) -> Manifest:
    folder = models_dir / VERSIONS / manifest.sha256
    content = _content(folder, manifest)
    if content is None:
        raise ModelUnfitError(f"{folder / MODEL_FILE} is missing or damaged; {_TRAIN_AGAIN}")
    try:
        _replace(folder / MANIFEST_FILE, _encode(manifest))
        _replace(models_dir / MODEL_FILE, content)
        _replace(models_dir / MANIFEST_FILE, _encode(manifest))
    except OSError as error:
        raise _unwritable(models_dir, error) from error
    return manifest


def mend(models_dir: Path) -> Manifest:
    """The active version, its bytes put back under their plain name where they were lost. Raises ModelUnfitError."""
    _, manifest = load(models_dir)
    return manifest if _content(models_dir, manifest) else activate(models_dir, manifest.sha256)


def kept(models_dir: Path) -> list[Manifest]:
    """The manifests of the kept versions that are whole, ordered by SHA-256."""
    manifests: list[Manifest] = []
    for folder in sorted((models_dir / VERSIONS).glob("*")):
        try:
            manifest = read_manifest(folder / MANIFEST_FILE)
        except ModelUnfitError:
            continue  # a crash left it half-written: it was never active
        if folder.name == manifest.sha256 and _content(folder, manifest) is not None:
            manifests.append(manifest)
    return manifests


def challenge(models_dir: Path, sha256: str | None) -> None:
    """Let a kept version score in the shadow of the active one; None: no version."""
    try:
        if sha256 is None:
            (models_dir / CHALLENGER_FILE).unlink(missing_ok=True)
        else:
            manifest = read_manifest(models_dir / VERSIONS / sha256 / MANIFEST_FILE)
            _replace(models_dir / CHALLENGER_FILE, _encode(manifest))
    except OSError as error:
        raise _unwritable(models_dir, error) from error


def load_challenger(models_dir: Path, pins: frozenset[str] = frozenset()) -> tuple[FraudModel, Manifest] | None:
    """The version that scores in the shadow, checked as `load` checks the active one; None where there is none."""
    path = models_dir / CHALLENGER_FILE
    if not path.exists():
        return None
    manifest = read_manifest(path)
    _check(path, manifest, pins)
    content = _content(models_dir / VERSIONS / manifest.sha256, manifest)
    if content is None:
        raise ModelUnfitError(f"{path} names model {manifest.version}, whose bytes are missing or damaged")
    return _made(path, manifest, content), manifest


def load(models_dir: Path, pins: frozenset[str] = frozenset()) -> tuple[FraudModel, Manifest]:
    """The active model, once everything about it has been checked; with `pins`, only one of these SHA-256s.

    Raises ModelUnfitError saying what is wrong, where, and how to mend it.
    """
    path = models_dir / MANIFEST_FILE
    manifest = read_manifest(path)
    _check(path, manifest, pins)
    content = _content(models_dir, manifest)
    if content is None:
        folder = models_dir / VERSIONS / manifest.sha256
        content = _content(folder, manifest)
        if content is None:
            raise ModelUnfitError(f"{models_dir / MODEL_FILE} is {_state(models_dir / MODEL_FILE)}; {_TRAIN_AGAIN}")
        structlog.get_logger().warning(
            "model file differs", file=str(models_dir / MODEL_FILE), used=str(folder / MODEL_FILE)
        )
    return _made(path, manifest, content), manifest


def _made(path: Path, manifest: Manifest, content: bytes) -> FraudModel:
    return FraudModel(
        version=manifest.version,
        classifier=_unpickle(path, content),
        thresholds=Thresholds(manifest.thresholds.review, manifest.thresholds.block),
        reference=_reference(path, manifest),
    )


def reference_payment(payment: Sequence[float]) -> dict[str, float]:
    """The payment against which scores are explained, as the manifest's `reference["payment"]`."""
    return dict(zip(FEATURES, map(float, payment), strict=True))


def _reference(path: Path, manifest: Manifest) -> NDArray[np.float64] | None:
    payment = manifest.reference.get("payment")
    if payment is None:
        return None
    try:
        return np.array([float(payment[name]) for name in FEATURES])
    except (TypeError, KeyError, ValueError) as error:
        raise ModelUnfitError(f"{path}: reference.payment is no payment ({error!r}); {_TRAIN_AGAIN}") from None


def read_manifest(path: Path) -> Manifest:
    """The manifest in `path`. Raises ModelUnfitError."""
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ModelUnfitError(f"no model: {path} is missing; {_TRAIN}") from None
    except OSError as error:
        raise ModelUnfitError(f"{path} can't be read ({error.strerror}); give this user the right to read it") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ModelUnfitError(f"{path} is no manifest ({where}: {first['msg']}); {_TRAIN_AGAIN}") from None


def _check(path: Path, manifest: Manifest, pins: frozenset[str]) -> None:
    if pins and manifest.sha256 not in pins:
        raise ModelUnfitError(
            f"{path} names model {manifest.sha256}, which is not among the pinned ones; "
            "pin it, or activate a pinned one"
        )
    installed = metadata.version("scikit-learn")
    if manifest.libraries.scikit_learn != installed:
        raise ModelUnfitError(
            f"{path} was trained with scikit-learn {manifest.libraries.scikit_learn}, "
            f"but {installed} is installed; {_TRAIN}"
        )
    if manifest.features != FEATURES:
        raise ModelUnfitError(
            f"{path} was trained on {', '.join(manifest.features)}, "
            f"but payments have {', '.join(FEATURES)}; {_TRAIN_AGAIN}"
        )


def _content(folder: Path, manifest: Manifest) -> bytes | None:
    """The model's bytes in `folder`, if they are those of the manifest."""
    try:
        content = (folder / MODEL_FILE).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelUnfitError(
            f"{folder / MODEL_FILE} can't be read ({error.strerror}); give this user the right to read it"
        ) from None
    return content if hashlib.sha256(content).hexdigest() == manifest.sha256 else None


def _state(path: Path) -> str:
    return "not the file that its manifest describes" if path.exists() else "missing"


def _unpickle(path: Path, content: bytes) -> Classifier:
    try:
        classifier: Classifier = joblib.load(io.BytesIO(content))
    except Exception as error:  # an unpickled constructor may raise anything
        raise ModelUnfitError(
            f"the model of {path} can't be loaded ({type(error).__name__}: {error}); {_TRAIN_AGAIN}"
        ) from error
    if not callable(getattr(classifier, "predict_proba", None)):
        raise ModelUnfitError(
            f"the model of {path}, a {type(classifier).__name__}, "
            f"gives no probabilities (predict_proba); {_TRAIN_AGAIN}"
        )
    if np.asarray(getattr(classifier, "classes_", (0, 1))).tolist() != [0, 1]:
        raise ModelUnfitError(f"the model of {path} was trained on labels other than 0 and 1; {_TRAIN_AGAIN}")
    return classifier


def _keep(models_dir: Path, manifest: Manifest, content: bytes) -> None:
    for folder in (models_dir, models_dir / VERSIONS, models_dir / VERSIONS / manifest.sha256):
        _make_folder(folder)
    _replace(folder / MODEL_FILE, content)
    _replace(folder / MANIFEST_FILE, _encode(manifest))


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        # the owner on the host and the container's user share a group; a set-group-id bit stays
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) | _FOLDER_MODE)


def _replace(path: Path, content: bytes) -> None:
    """Put `content` in place of `path` at once; what a crash leaves is the old file, or the new one, whole."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(_FILE_MODE)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _encode(manifest: Manifest) -> bytes:
    return manifest.model_dump_json(indent=2).encode() + b"\n"


def _unwritable(models_dir: Path, error: OSError) -> ModelUnfitError:
    return ModelUnfitError(f"{models_dir} can't be written ({error.strerror}); make the folder writable for this user")
