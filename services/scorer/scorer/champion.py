"""The model in use. Another one takes its place between two batches, once it is loaded, checked and warm.

The manifest is looked at again and again: file events don't cross the mounts of Docker Desktop. What is refused leaves
the model in use as it is.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import structlog

from fraudstream.errors import ModelUnfitError
from fraudstream.model.drift_reference import Reference
from fraudstream.model.fraud_model import HIGHEST, LOWEST, FraudModel
from fraudstream.model.manifest import Manifest


class Loaded(NamedTuple):
    """A model that is fit for use, its manifest, and what its payments looked like."""

    model: FraudModel
    manifest: Manifest
    reference: Reference | None


Load = Callable[[], Loaded]

_LOOK_EVERY_S = 2.0
_WARM_UP_ROWS = (1, 1_000)
# fields that decide nothing about a payment; drift is measured from `reference`
_DESCRIPTION = ("kind", "metrics", "reference", "libraries", "training_sha256", "training_rows", "settings")


class Champion:
    """Holds the model in use; `watch` replaces it. `refused` says why it is not the one that is active on disk."""

    def __init__(self, load: Load, switch: Callable[[], bytes]) -> None:
        """`load` gives the active model of the folder, `switch` the bytes that change whenever that changes.

        Raises ModelUnfitError where there is none to begin with.
        """
        self._load = load
        self._switch = switch
        self._seen = self._look()
        self._loaded = load()
        self.refused: str | None = None

    @property
    def model(self) -> FraudModel:
        """The model in use."""
        return self._loaded.model

    @property
    def kind(self) -> str:
        """What kind of model it is."""
        return self._loaded.manifest.kind

    @property
    def reference(self) -> Reference | None:
        """What drift is measured from, if the model brought it."""
        return self._loaded.reference

    def explain_version(self) -> None:
        """Log how the published version came about, where it is not the one that the model was trained as."""
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
                review=model.thresholds.review,
                block=model.thresholds.block,
                by="REVIEW_THRESHOLD, BLOCK_THRESHOLD",
            )

    async def watch(self) -> None:
        """Look every 2 s, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            await self.look()

    async def look(self) -> None:
        """Take the active model into use if it is another one. All that takes time is done in a thread."""
        seen = await asyncio.to_thread(self._look)
        if seen == self._seen and not self.refused:
            return
        try:
            loaded = await asyncio.to_thread(self._warm)
        except ModelUnfitError as error:
            self._refuse(str(error))
            return
        before, self._loaded = self._loaded, loaded
        previous, model, was_refused = before.model, loaded.model, self.refused
        self._seen, self.refused = seen, None
        if model.content_sha256 != previous.content_sha256:
            structlog.get_logger().info(
                "model swapped",
                version=model.version,
                was=previous.version,
                kind=self.kind,
                review=model.thresholds.review,
                block=model.thresholds.block,
            )
            self.explain_version()
        elif was_refused:
            structlog.get_logger().info("model stays", version=model.version, reason="it is the active one again")
        self._report_description(before.manifest)

    def _report_description(self, before: Manifest) -> None:
        """Log which fields changed in the manifest of the same version: neither the version nor a pin covers them."""
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
                action="if nobody has trained the same version again, restore models/fraud_model.json",
            )

    def _look(self) -> bytes | None:
        try:
            return self._switch()
        except (OSError, ModelUnfitError):
            return None  # `load` reports what is wrong with it

    def _warm(self) -> Loaded:
        loaded = self._load()
        for rows in _WARM_UP_ROWS:  # the first calls import and allocate what the later ones use
            loaded.model.score(np.random.default_rng(0).uniform(LOWEST, np.minimum(HIGHEST, 1e6), (rows, len(LOWEST))))
        return loaded

    def _refuse(self, reason: str) -> None:
        if reason != self.refused:
            structlog.get_logger().error("model refused", reason=reason, stays=self.model.version)
        self.refused = reason
