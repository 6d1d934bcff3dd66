"""Log events for the start and end of drift: payments distributed unlike those that the model was trained on."""

from collections.abc import Mapping, Sequence

import numpy as np
import structlog

from fraudstream.model.drift_reference import Finding, Reference
from fraudstream.runtime.log_on_change import LogOnChange
from fraudstream.timestamps import rfc3339
from scorer.drift.watch import LEAST, Change, Drift
from scorer.scoring import Outcome


class DriftAlarm:
    """Drift of this replica's payments, logged; not measured without a reference."""

    def __init__(self) -> None:
        self._reference: Reference | None = None
        self._drift: Drift | None = None
        self._has_begun = False
        self._log = structlog.get_logger()
        self._not_measured = LogOnChange(self._log.info, "drift not measured")

    @property
    def findings(self) -> Mapping[str, tuple[Finding, bool]]:
        """The last finding of each field, and whether it drifts; empty until there are enough payments."""
        return self._drift.findings if self._drift else {}

    @property
    def progress(self) -> tuple[int, int]:
        """Numbers of payments in the current comparison, and from which drift is measured; 0, 0 if it never is."""
        if self._drift:
            return self._drift.payments, LEAST
        return (0, 0) if self._has_begun else (0, LEAST)  # before the first cycle the reference is not known

    def cycle(self, outcomes: Sequence[Outcome], reference: Reference | None) -> None:
        """Add the payments of a committed cycle; a changed reference discards all earlier ones."""
        self._has_begun = True
        reason = None if reference is not None else "the model's manifest has no reference"
        self._not_measured.report(reason, action="retrain the model")
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
            self._report(change)

    def _report(self, change: Change) -> None:
        report, event = (self._log.warning, "drift begins") if change.begins else (self._log.info, "drift ends")
        finding = change.finding
        report(
            event,
            field=finding.field,
            psi=round(finding.psi, 3),
            limit=round(finding.limit, 3),
            since=rfc3339(change.since_ms),
        )
