"""A model's manifest: what is known of a model beside its bytes, and the hash of everything that decides.

    content SHA-256 = SHA-256 of the canonical JSON of {"model": SHA-256 of the model file's bytes, "rule": the rule}
    rule            = the features in their order, both thresholds, and the payment against which scores are explained
    version         = the first 12 hex digits of the content SHA-256

So two models with the same bytes and other thresholds are two versions, and a manifest can't claim a version that it
does not have. A manifest made before this rule has the first 12 hex digits of its model file's SHA-256 as its version;
it is read, and its version is derived from its content like any other.
"""

import errno
import hashlib
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from fraudstream.errors import ModelUnfitError
from fraudstream.model.fraud_model import VERSION_DIGITS, Thresholds
from fraudstream.runtime.escaping import ascii_json, shortened, visible
from fraudstream.runtime.regular_files import read_regular

TRAIN = "run the trainer: docker compose run --rm trainer, or make train"
TRAIN_AGAIN = "train again: docker compose run --rm trainer python -m trainer --force, or make train ARGS=--force"
PAYMENT = "payment"
"""The key of the payment in `Manifest.reference` against which scores are explained."""

MOST_BYTES = 1 << 20  # many times the largest; parsed, a file of this size takes some 50 MB
_SHOWN = 64

# every text of a manifest can reach a log, a page, a metric or a terminal
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Version = Annotated[str, Field(pattern=rf"^[0-9a-f]{{{VERSION_DIGITS}}}$")]
Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+ -]{0,63}$")]
FeatureName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
Share = Annotated[float, Field(gt=0, lt=1)]


class Libraries(BaseModel):
    """The versions with which a model was trained."""

    model_config = ConfigDict(frozen=True)

    scikit_learn: Label
    numpy: Label
    fraudstream: Label
    python: Label

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

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.review > self.block:
            raise ValueError("review must not be above block")
        return self


class Manifest(BaseModel):
    """What is known of a model, beside its bytes. Fields that a later version adds are ignored by an earlier one."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    sha256: Sha256
    """Of the model file's bytes."""
    kind: Label
    """Which of the trainer's candidates it is."""
    features: Annotated[tuple[FeatureName, ...], Field(max_length=200)]
    thresholds: ManifestThresholds
    libraries: Libraries
    training_sha256: Sha256
    training_rows: int = Field(ge=0)
    settings: str = Field(pattern=r"^[ -~]{0,1000}$")
    """What else decides the result: a fingerprint of the trainer's settings and recipe."""
    metrics: Mapping[Label, float]
    reference: Mapping[str, Any] = Field(default_factory=dict)
    """What scores are explained against and drift is measured from."""
    previous: Sha256 | None = None
    """The content SHA-256 of the version that was active before this one: where a rollback leads.

    In an older manifest the SHA-256 of that version's model file.
    """
    activated_by: Literal["trainer", "user"] = "user"
    """The trainer replaces what it activated itself, and leaves what a user activated."""
    older_version: Version | None = None
    """Its version in a manifest made before the version covered the decision rule."""

    @field_validator("reference")
    @classmethod
    def _numbers(cls, reference: Mapping[str, Any]) -> Mapping[str, Any]:
        payment = reference.get(PAYMENT)
        if payment is not None and not (isinstance(payment, Mapping) and all(map(_is_number, payment.values()))):
            raise ValueError(f"{PAYMENT} must hold finite numbers")
        return reference

    @model_validator(mode="after")
    def _is_older_by_its_model(self) -> Self:
        if self.older_version not in {None, self.sha256[:VERSION_DIGITS]}:
            raise ValueError("older_version must be the beginning of sha256")
        return self

    @property
    def content_sha256(self) -> str:
        """The hash of everything that decides; a pin names it."""
        payment = self.reference.get(PAYMENT)
        rule = {
            "features": self.features,
            "reference_payment": None if payment is None else {name: float(value) for name, value in payment.items()},
            "thresholds": {"block": self.thresholds.block, "review": self.thresholds.review},
        }
        content = {"model": self.sha256, "rule": rule}
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def version(self) -> str:
        """The first digits of the content SHA-256."""
        return self.content_sha256[:VERSION_DIGITS]

    def with_thresholds(self, review: float | None, block: float | None) -> Self:
        """Use these thresholds instead of its own, where they are given: another version, unless they are the same.

        Raises ModelUnfitError where they contradict each other.
        """
        if review is None and block is None:
            return self
        try:
            wanted = Thresholds(review=review or self.thresholds.review, block=block or self.thresholds.block)
        except ModelUnfitError as error:
            raise ModelUnfitError(f"REVIEW_THRESHOLD, BLOCK_THRESHOLD and model {self.version}: {error}") from None
        return self.model_copy(update={"thresholds": ManifestThresholds(review=wanted.review, block=wanted.block)})


class _Claim(BaseModel):
    """The hashes that a manifest states; those derived from its content must be the same."""

    version: Version
    content_sha256: Sha256 | None = None


def encode(manifest: Manifest) -> bytes:
    """Return the manifest as the JSON that `read_manifest` takes: ASCII, its version first."""
    stated = {"version": manifest.version, "content_sha256": manifest.content_sha256}
    return ascii_json(stated | manifest.model_dump(mode="json"), indent=2, allow_nan=False).encode() + b"\n"


def read_manifest(path: Path) -> Manifest:
    """Return the manifest in `path`. Raises ModelUnfitError."""
    try:
        content = read_file(path, MOST_BYTES)
    except FileNotFoundError:
        raise ModelUnfitError(f"no model: {path} is missing; {TRAIN}") from None
    return parse_manifest(path, content)


def parse_manifest(path: Path, content: bytes) -> Manifest:
    """Return the manifest that `content` is; errors name `path`. Raises ModelUnfitError."""
    try:
        json.loads(content, object_pairs_hook=_once, parse_float=_finite, parse_constant=_finite)
        claim = _Claim.model_validate_json(content, strict=True)
        manifest = Manifest.model_validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(_shown, first["loc"])) or "the file"
        raise _no_manifest(path, f"{where}: {first['msg']}") from None
    except UnicodeDecodeError:
        raise _no_manifest(path, "the file is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise _no_manifest(path, f"the file: {error}") from None
    return _as_claimed(path, claim, manifest)


def _as_claimed(path: Path, claim: _Claim, manifest: Manifest) -> Manifest:
    if claim.content_sha256 is None and claim.version == manifest.sha256[:VERSION_DIGITS]:
        return manifest.model_copy(update={"older_version": claim.version})
    if (claim.version, claim.content_sha256) != (manifest.version, manifest.content_sha256):
        raise ModelUnfitError(
            f"{path} states version {claim.version}, but its content is version {manifest.version}: "
            "its sha256, features, thresholds or reference.payment were changed after training; "
            f"restore the file, or {TRAIN_AGAIN}"
        )
    return manifest


def read_file(path: Path, most_bytes: int) -> bytes:
    """Return the bytes of a regular file. Raises FileNotFoundError, ModelUnfitError."""
    try:
        return read_regular(path, most_bytes)
    except FileNotFoundError:
        raise
    except OSError as error:
        actions = {errno.ELOOP: "", errno.EINVAL: f"; replace it, or {TRAIN_AGAIN}", errno.EFBIG: f"; {TRAIN_AGAIN}"}
        action = actions.get(error.errno or 0, "; give this user the right to read it")
        raise ModelUnfitError(f"{path} can't be read ({error.strerror}){action}") from None
    except MemoryError:
        raise ModelUnfitError(f"{path} can't be read (larger than the memory); {TRAIN_AGAIN}") from None


def _no_manifest(path: Path, problem: str) -> ModelUnfitError:
    return ModelUnfitError(f"{path} is no manifest ({problem}); {TRAIN_AGAIN}")


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and -sys.float_info.max <= value <= sys.float_info.max
    )


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object, in which each key must appear once."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {_shown(key)} appears twice")
        found[key] = value
    return found


def _finite(text: str) -> float:
    """Return the number; NaN, Infinity and what overflows to it are refused."""
    value = float(text)
    if not _is_number(value):
        raise ValueError(f"the number {text[:_SHOWN]} is not finite")
    return value


def _shown(part: object) -> str:
    """Return a key of a manifest as text that can't harm a log or a terminal."""
    return visible(shortened(str(part), _SHOWN))
