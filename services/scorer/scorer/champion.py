"""The model in use. A new one replaces it between two batches, once it is loaded, checked and warmed up.

The manifest is polled: file events don't cross the mounts of Docker Desktop. If the new model is refused, the model in
use stays.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import structlog

from fraudstream.errors import ModelUnfitError
from fraudstream.model import store
from fraudstream.model.drift_reference import Reference
from fraudstream.model.fraud_model import FraudModel
from fraudstream.model.manifest import MOST_BYTES, Manifest, read_file
from fraudstream.payment_schema import PaymentSchema
from fraudstream.runtime.log_on_change import LogOnChange
from fraudstream.runtime.settings import ModelSettings


class Loaded(NamedTuple):
    """A valid model, its manifest, and the reference distribution of its training payments."""

    model: FraudModel
    manifest: Manifest
    reference: Reference | None


Load = Callable[[], Loaded]

_LOOK_EVERY_S = 2.0
_WARM_UP_ROWS = (1, 1_000)
# fields without influence on a decision; drift is measured against `reference`
_DESCRIPTION = (
    "kind",
    "metrics",
    "reference",
    "review_capacity",
    "libraries",
    "training_sha256",
    "training_rows",
    "settings",
)


def active_champion(settings: ModelSettings, schema: PaymentSchema) -> "Champion":
    """Return the active model of the folder, whose changes it follows. Raises ModelUnfitError if there is none."""

    def load() -> Loaded:
        model, manifest = store.load(
            settings.models_dir,
            settings.pinned,
            schema,
            review=settings.review_threshold,
            block=settings.block_threshold,
        )
        return Loaded(model, manifest, Reference.read(manifest.reference, model.encoding))

    return Champion(load, lambda: read_file(settings.models_dir / store.MANIFEST_FILE, MOST_BYTES))


class Champion:
    """The model in use; `watch` replaces it."""

    def __init__(self, load: Load, switch: Callable[[], bytes]) -> None:
        """Load the first model; raises ModelUnfitError if there is none.

        `load` returns the active model of the folder, `switch` bytes that change whenever the active model changes.
        """
        self._load = load
        self._switch = switch
        self._seen = self._look()
        self._loaded = load()
        self._refusal = LogOnChange(structlog.get_logger().error, "model refused")

    @property
    def refused(self) -> str | None:
        """The reason why the active model on disk is not in use."""
        return self._refusal.reason

    @property
    def model(self) -> FraudModel:
        """The model in use."""
        return self._loaded.model

    @property
    def kind(self) -> str:
        """The model's kind, from its manifest."""
        return self._loaded.manifest.kind

    @property
    def reference(self) -> Reference | None:
        """The distributions that drift is measured against; None if the manifest has none."""
        return self._loaded.reference

    @property
    def review_capacity(self) -> float | None:
        """The share of payments that reviewers can check, from the manifest; None: no limit."""
        return self._loaded.manifest.review_capacity

    def explain_version(self) -> None:
        """Log why the published version differs from the version at training, if it does."""
        model, manifest = self.model, self._loaded.manifest
        if manifest.older_version:
            structlog.get_logger().info(
                "model_version now covers the decision rule",
                was=manifest.older_version,
                version=manifest.version,
                content_sha256=manifest.content_sha256,
            )
        if model.content_sha256 != manifest.content_sha256:
            structlog.get_logger().info(
                "thresholds overridden",
                model=manifest.version,
                model_version=model.version,
                **model.rule.parameters(),
                by="REVIEW_THRESHOLD, BLOCK_THRESHOLD",
            )

    async def watch(self) -> None:
        """Check the active model every 2 s, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            await self.look()

    async def look(self) -> None:
        """Switch to the active model if it has changed; it is loaded and warmed up in a thread."""
        seen = await asyncio.to_thread(self._look)
        if seen == self._seen and not self.refused:
            return
        try:
            loaded = await asyncio.to_thread(self._warm)
        except ModelUnfitError as error:
            self._refusal.report(str(error), stays=self.model.version)
            return
        before, self._loaded = self._loaded, loaded
        previous, model = before.model, loaded.model
        self._seen, was_refused = seen, self._refusal.end()
        if model.content_sha256 != previous.content_sha256:
            structlog.get_logger().info(
                "model swapped",
                version=model.version,
                was=previous.version,
                kind=self.kind,
                **model.rule.parameters(),
            )
            self.explain_version()
        elif was_refused:
            structlog.get_logger().info("model kept", version=model.version, reason="it is the active model again")
        self._report_description(before.manifest)

    def _report_description(self, before: Manifest) -> None:
        """Log the fields that changed in the manifest of an unchanged version: neither version nor pin covers them."""
        now = self._loaded.manifest
        changed = [
            name
            for name in _DESCRIPTION
            if now.content_sha256 == before.content_sha256 and getattr(now, name) != getattr(before, name)
        ]
        if changed:
            structlog.get_logger().warning(
                "model description changed",
                version=self.model.version,
                fields=",".join(changed),
                action="unless this version was retrained, restore models/fraud_model.json",
            )

    def _look(self) -> bytes | None:
        try:
            return self._switch()
        except (OSError, ModelUnfitError):
            return None  # `load` reports the error

    def _warm(self) -> Loaded:
        loaded = self._load()
        for rows in _WARM_UP_ROWS:  # the first calls import modules and allocate memory that later calls use
            loaded.model.score(loaded.model.encoding.draw(np.random.default_rng(0), rows))
        return loaded
