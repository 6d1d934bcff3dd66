"""Says when payments begin to look unlike those that the model learned from, and when that ends."""

from collections.abc import Mapping, Sequence

import numpy as np
import structlog

from fraudstream.model.drift_reference import Finding, Reference
from fraudstream.timestamps import rfc3339
from scorer.drift.watch import Change, Drift
from scorer.scoring import Outcome


class DriftAlarm:
    """Watches this replica's payments; without a reference, none."""

    def __init__(self) -> None:
        self._reference: Reference | None = None
        self._drift: Drift | None = None
        self._told = False
        self._log = structlog.get_logger()

    @property
    def findings(self) -> Mapping[str, tuple[Finding, bool]]:
        """What was last found of each field, and whether it drifts; empty until there are payments enough."""
        return self._drift.findings if self._drift else {}

    def cycle(self, outcomes: Sequence[Outcome], reference: Reference | None) -> None:
        """Take in the payments of a cycle that is committed; with another reference than before, all begins anew."""
        if reference is None and not self._told:
            self._log.info("drift not watched", reason="the model's manifest has no reference", action="train again")
        self._told = reference is None
        if reference is not self._reference:
            self._reference, self._drift = reference, Drift(reference) if reference else None
        if self._drift is None or not outcomes:
            return
        changes = self._drift.take(
            np.concatenate([outcome.matrix for outcome in outcomes]),
            np.concatenate([outcome.probabilities for outcome in outcomes]),
            np.concatenate([outcome.timestamps_ms for outcome in outcomes]),
        )
        for change in changes:
            self._say(change)

    def _say(self, change: Change) -> None:
        say, event = (self._log.warning, "drift begins") if change.begins else (self._log.info, "drift ends")
        finding = change.finding
        say(
            event,
            field=finding.field,
            psi=round(finding.psi, 3),
            limit=round(finding.limit, 3),
            since=rfc3339(change.since_ms),
        )
