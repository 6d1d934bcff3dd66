"""Reports of committed cycles: metrics, log lines, drift, the share of dead letters."""

import time
from collections import Counter
from collections.abc import Sequence
from itertools import chain

import numpy as np
import structlog

from fraudstream.fitting import batch_bytes
from fraudstream.model.drift_reference import Reference
from fraudstream.payment_schema import PaymentSchema
from fraudstream.runtime.log_on_change import Every
from fraudstream.runtime.metrics import ScorerMetrics
from fraudstream.runtime.settings import TopicSettings
from scorer.drift.alarm import DriftAlarm
from scorer.narration import DeadLetterRatio, Narration
from scorer.scoring import Outcome
from scorer.summary import Summary

_REMOVALS_EVERY_S = 60.0


class CycleReport:
    """Reports of the committed cycles of all memberships."""

    def __init__(
        self, schema: PaymentSchema, metrics: ScorerMetrics, drift: DriftAlarm, summary: Summary, topics: TopicSettings
    ) -> None:
        self._metrics = metrics
        self._drift = drift
        self._dlq = topics.dlq
        self._narration = Narration(schema, topics.input, summary)
        self._ratio = DeadLetterRatio()
        self._removals = Every(_REMOVALS_EVERY_S, at_once=True)
        self._removed = Counter[str]()

    @property
    def problem(self) -> str | None:
        """The sign of a broken producer, if any."""
        return "more than half of the last messages are dead letters" if self._ratio.alarming else None

    def committed(
        self, outcomes: Sequence[Outcome], reference: Reference | None, cycle_s: float, transaction_s: float
    ) -> None:
        """Report a cycle; `reference` belongs to the model that scored it, the durations are in seconds."""
        self._ratio.cycle(outcomes)
        self._drift.cycle(outcomes, reference)
        self._metrics.transaction_duration.observe(transaction_s)
        self._metrics.cycle_duration.observe(cycle_s)
        self._count(outcomes)
        self._narration.cycle(outcomes, cycle_s)
        self._report_removed(outcomes)

    def tick(self) -> None:
        """Log the lines that are due."""
        self._narration.tick()

    def finish(self) -> None:
        """Log the payments that have no line yet."""
        self._narration.finish()

    def _report_removed(self, outcomes: Sequence[Outcome]) -> None:
        """Count and log the records without some of their payment's fields."""
        removed = Counter(cause for outcome in outcomes for cause in outcome.removed.values())
        for cause, count in removed.items():
            self._metrics.fields_removed.labels(cause).inc(count)
        self._removed += removed
        if self._removed and self._removals.due():
            structlog.get_logger().warning(
                "fields removed from scored records",
                **self._removed,
                meaning="a field had a name of ours or occurred twice, or others could not be read or were too large",
            )
            self._removed.clear()

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        metrics = self._metrics
        metrics.end_to_end_latency.observe(
            np.concatenate([outcome.timestamps_ms for outcome in outcomes]), time.time_ns() // 1_000_000
        )
        decisions = Counter(chain.from_iterable(outcome.scored.decision for outcome in outcomes))
        for decision, count in decisions.items():
            metrics.payments_scored.labels(decision).inc(count)
        reasons = Counter(invalid.reason for outcome in outcomes for _, invalid in outcome.invalid)
        for reason, count in reasons.items():
            metrics.dead_letters.labels(reason).inc(count)
        letters = chain.from_iterable(outcome.messages[self._dlq] for outcome in outcomes)
        metrics.dead_letter_bytes.inc(sum(batch_bytes(key, value, headers) for key, value, _, headers in letters))
        metrics.cycle_records.observe(decisions.total() + reasons.total())
