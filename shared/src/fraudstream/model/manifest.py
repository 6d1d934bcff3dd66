"""A model's manifest: its metadata, and the hash of everything that affects decisions.

    content SHA-256 = SHA-256 of the canonical JSON of {"model": SHA-256 of the model file's bytes, "rule": the rule}
    rule            = the features in their order, both thresholds, encoding and costs of decisions if the model has
                      any, and the payment against which scores are explained
    version         = the first 12 hex digits of the content SHA-256

Two models with the same bytes and different costs are two versions, and a manifest can't state a version that its
content does not have. The version in one of an earlier release, the beginning of its model file's SHA-256, is replaced.
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
from fraudstream.model.decision import Costs, Thresholds
from fraudstream.model.encoding import EncodedFields, Encoding
from fraudstream.model.fraud_model import VERSION_DIGITS
from fraudstream.payment_schema import MOST_FIELDS
from fraudstream.runtime.escaping import ascii_json, shortened, visible
from fraudstream.runtime.regular_files import read_regular

TRAIN = "run the trainer: docker compose run --rm trainer, or make train"
TRAIN_AGAIN = "train again: docker compose run --rm trainer python -m trainer --force, or make train ARGS=--force"
PAYMENT = "payment"
"""The key in `Manifest.reference` of the payment against which scores are explained."""
MOST_BYTES = 2 << 20  # 200 features by hour and 500 long levels fit; parsing a file of this size takes some 100 MB
MOST_COST = 1e13  # a review's price under a capacity is at most the cost of approving the largest payment
_SHOWN = 64
# every text of a manifest may appear in a log, a page, a metric or a terminal
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Version = Annotated[str, Field(pattern=rf"^[0-9a-f]{{{VERSION_DIGITS}}}$")]
Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+ -]{0,63}$")]
FeatureName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
Share = Annotated[float, Field(gt=0, lt=1)]
Price = Annotated[float, Field(gt=0, le=MOST_COST)]


class Libraries(BaseModel):
    """Library versions that a model was trained with."""

    model_config = ConfigDict(frozen=True)

    scikit_learn: Label
    numpy: Label
    fraudstream: Label
    python: Label

    @classmethod
    def installed(cls) -> "Libraries":
        """Return the versions installed in this process."""
        return cls(
            scikit_learn=metadata.version("scikit-learn"),
            numpy=metadata.version("numpy"),
            fraudstream=metadata.version("fraudstream"),
            python=platform.python_version(),
        )

    def fits(self, other: "Libraries") -> bool:
        """Return whether training with either gives the same model; Python's version has no influence on it."""
        return self.model_copy(update={"python": other.python}) == other


class ManifestThresholds(BaseModel):
    """`fraud_model.Thresholds`, as stored in the manifest."""

    model_config = ConfigDict(frozen=True)

    review: Share
    block: Share

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.review > self.block:
            raise ValueError("review must not be above block")
        return self


class ManifestCosts(BaseModel):
    """`decision.Costs`, as stored in the manifest; an unknown one is refused, as it may affect decisions."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    fraud: float = Field(ge=0, le=MOST_COST)
    review: Price
    wrong_block: Price
    min_block: float = Field(ge=0, le=1)

    @classmethod
    def of(cls, costs: Costs) -> Self:
        """Return the stored form of `costs`."""
        return cls(fraud=costs.fraud, review=costs.review, wrong_block=costs.wrong_block, min_block=costs.min_block)

    def rule(self) -> Costs:
        """Return the decision rule."""
        return Costs(fraud=self.fraud, review=self.review, wrong_block=self.wrong_block, min_block=self.min_block)


class Manifest(BaseModel):
    """Metadata of a model. Fields added by later releases are ignored by earlier ones."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    sha256: Sha256
    """SHA-256 of the model file's bytes."""
    kind: Label
    """Name of the trainer's candidate."""
    features: Annotated[tuple[FeatureName, ...], Field(max_length=MOST_FIELDS)]
    encoding: EncodedFields | None = None  # None, as in manifests of earlier releases: that of the default schema
    thresholds: ManifestThresholds
    """The decision rule of a model without costs; otherwise the fixed thresholds of least cost, for comparison."""
    costs: ManifestCosts | None = None
    """The decision rule; None in manifests of earlier releases, and where thresholds decide."""
    review_capacity: Share | None = None
    """Share of payments that reviewers can check, for which the price of a review was raised; None: no limit."""
    libraries: Libraries
    training_sha256: Sha256
    training_rows: int = Field(ge=0)
    settings: str = Field(pattern=r"^[ -~]{0,1000}$")
    """Fingerprint of the trainer's settings and recipe, which determine the result too."""
    metrics: Mapping[Label, float]
    reference: Mapping[str, Any] = Field(default_factory=dict)
    """The payment that scores are explained against, and the distributions that drift is measured against."""
    previous: Sha256 | None = None
    """Content SHA-256 of the previously active version, which a rollback activates.

    In an older manifest, the SHA-256 of that version's model file.
    """
    activated_by: Literal["trainer", "user"] = "user"
    """The trainer replaces a model that it activated itself, not one that a user activated."""
    older_version: Version | None = None
    """The version in a manifest written before the version covered the decision rule."""

    @field_validator("reference")
    @classmethod
    def _check_reference_payment(cls, reference: Mapping[str, Any]) -> Mapping[str, Any]:
        payment = reference.get(PAYMENT)
        if payment is not None and not (isinstance(payment, Mapping) and all(map(_is_number, payment.values()))):
            raise ValueError(f"{PAYMENT} must hold finite numbers")
        return reference

    @model_validator(mode="after")
    def _check_relations(self) -> Self:
        if self.older_version not in {None, self.sha256[:VERSION_DIGITS]}:
            raise ValueError("older_version must be the beginning of sha256")
        if self.encoding and Encoding(fields=self.encoding).names != self.features:
            raise ValueError("features must be the names in encoding")
        return self

    @property
    def content_sha256(self) -> str:
        """Hash of everything that affects decisions; pins hold this value."""
        payment = self.reference.get(PAYMENT)
        rule: dict[str, Any] = {
            "features": self.features,
            "reference_payment": None if payment is None else {name: float(value) for name, value in payment.items()},
            "thresholds": {"block": self.thresholds.block, "review": self.thresholds.review},
        }
        if self.costs is not None:  # the hashes of manifests without costs stay as they are
            rule["costs"] = self.costs.model_dump()
        if self.encoding is not None:  # likewise
            rule["encoding"] = Encoding(fields=self.encoding).as_json()
        content = {"model": self.sha256, "rule": rule}
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def rule(self) -> Costs | Thresholds:
        """The rule that decides: the costs, or the thresholds of a model without costs."""
        own = Thresholds(self.thresholds.review, self.thresholds.block)
        return own if self.costs is None else self.costs.rule()

    @property
    def version(self) -> str:
        """First digits of the content SHA-256."""
        return self.content_sha256[:VERSION_DIGITS]

    def with_thresholds(self, review: float | None, block: float | None) -> Self:
        """Return the manifest with these thresholds, if given, as its decision rule instead of costs.

        It is another version, unless it has no costs, and the thresholds are equal to its own. Raises ModelUnfitError
        if they contradict each other.
        """
        if review is None and block is None:
            return self
        try:
            thresholds = Thresholds(review=review or self.thresholds.review, block=block or self.thresholds.block)
        except ModelUnfitError as error:
            raise ModelUnfitError(f"REVIEW_THRESHOLD, BLOCK_THRESHOLD and model {self.version}: {error}") from None
        stored = ManifestThresholds(review=thresholds.review, block=thresholds.block)
        return self.model_copy(update={"thresholds": stored, "costs": None})


class _Claim(BaseModel):
    """Hashes that a manifest states, which must equal those derived from its content."""

    version: Version
    content_sha256: Sha256 | None = None


def encode(manifest: Manifest) -> bytes:
    """Return the manifest as the JSON that `read_manifest` reads: ASCII, its version first."""
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
    """Return the manifest in `content`. Raises ModelUnfitError, which names `path`."""
    try:
        json.loads(content, object_pairs_hook=_unique_members, parse_float=_parse_finite, parse_constant=_parse_finite)
        claim = _Claim.model_validate_json(content, strict=True)
        manifest = Manifest.model_validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(_shown, first["loc"])) or "the file"
        raise _invalid_manifest(path, f"{where}: {first['msg']}") from None
    except UnicodeDecodeError:
        raise _invalid_manifest(path, "the file is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise _invalid_manifest(path, f"the file: {error}") from None
    return _check_claim(path, claim, manifest)


def _check_claim(path: Path, claim: _Claim, manifest: Manifest) -> Manifest:
    if claim.content_sha256 is None and claim.version == manifest.sha256[:VERSION_DIGITS]:
        return manifest.model_copy(update={"older_version": claim.version})
    if (claim.version, claim.content_sha256) != (manifest.version, manifest.content_sha256):
        raise ModelUnfitError(
            f"{path} states version {claim.version}, but its content is version {manifest.version}: "
            "its sha256, features, encoding, thresholds, costs or reference.payment were changed after training; "
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
        action = actions.get(error.errno or 0, "; make it readable for this user")
        raise ModelUnfitError(f"{path} can't be read ({error.strerror}){action}") from None
    except MemoryError:
        raise ModelUnfitError(f"{path} can't be read (not enough memory); {TRAIN_AGAIN}") from None


def _invalid_manifest(path: Path, problem: str) -> ModelUnfitError:
    return ModelUnfitError(f"{path} is not a manifest ({problem}); {TRAIN_AGAIN}")


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and -sys.float_info.max <= value <= sys.float_info.max
    )


def _unique_members(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object. Raises ValueError if a key appears twice."""
    members: dict[str, Any] = {}
    for key, value in pairs:
        if key in members:
            raise ValueError(f"the key {_shown(key)} appears twice")
        members[key] = value
    return members


def _parse_finite(text: str) -> float:
    """Return the number. Raises ValueError for NaN, Infinity and numbers that overflow."""
    value = float(text)
    if not _is_number(value):
        raise ValueError(f"the number {text[:_SHOWN]} is not finite")
    return value


def _shown(part: object) -> str:
    """Return a key of a manifest as text that is safe for a log or a terminal."""
    return visible(shortened(str(part), _SHOWN))
