"""Log lines about payments: one per payment at a slow pace, one per second at a fast pace."""

import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import repeat

import structlog

from fraudstream.payment_schema import PaymentSchema
from scorer.log_lines import DEAD_LETTER, PAYMENT
from scorer.scoring import Outcome
from scorer.summary import EVERY_S, Summary

_LINES_PER_S = 5.0
_BURST_LINES = 20.0
_WINDOW = 1_000


class Narration:
    """Log of committed cycles: a line per payment, up to 5 per second and 20 at a time, or else a line per second.

    After a second with fewer payments, they have lines of their own again.
    """

    def __init__(
        self, schema: PaymentSchema, topic: str, summary: Summary, now: Callable[[], float] = time.monotonic
    ) -> None:
        """`topic` is the input."""
        self._id, self._amount = schema.id, schema.amount
        self._topic = topic
        self._summary = summary
        self._now = now
        self._log = structlog.get_logger()
        self._lines = _BURST_LINES
        self._filled_s = now()
        self._is_fast = False

    def cycle(self, outcomes: Sequence[Outcome], duration_s: float) -> None:
        """Log a committed cycle, or count it in the line of this second."""
        count = sum(len(outcome.scored) + len(outcome.invalid) for outcome in outcomes)
        if not self._is_fast and self._has_lines(count):
            self._log_each(outcomes)
            self._summary.skip()
            return
        if not self._is_fast:
            self._is_fast = True
            self._summary.begin(duration_s)
        self._summary.add(outcomes)
        self.tick()

    def tick(self) -> None:
        """Log the lines that are due."""
        if self._is_fast and self._summary.due:
            self._is_fast = self._summary.log() > _LINES_PER_S * EVERY_S
        self._summary.check_progress()

    def finish(self) -> None:
        """Log the payments that have no line yet."""
        if self._is_fast:
            self._summary.log()

    def _has_lines(self, count: int) -> bool:
        """Take `count` lines of those left; return False if there are fewer."""
        now = self._now()
        self._lines = min(_BURST_LINES, self._lines + (now - self._filled_s) * _LINES_PER_S)
        self._filled_s = now
        if count > self._lines:
            return False
        self._lines -= count
        return True

    def _log_each(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            self._log_payments(outcome)
            for offset, invalid in outcome.invalid:
                self._log.warning(
                    DEAD_LETTER,
                    topic=self._topic,
                    partition=outcome.partition,
                    offset=offset,
                    reason=invalid.reason,
                    detail=invalid.detail,
                )

    def _log_payments(self, outcome: Outcome) -> None:
        scored = outcome.scored
        amounts = scored.payments[self._amount] if self._amount else repeat(None)
        columns = zip(scored.payments[self._id], amounts, scored.fraud_probability, scored.decision, strict=False)
        for row, (payment_id, amount, probability, decision) in enumerate(columns):
            reasons = [reason["text"] for reason in json.loads(scored.reasons.get(row, "[]"))]
            self._log.info(
                PAYMENT,
                payment_id=payment_id,
                **({} if amount is None else {"amount": amount}),
                fraud_probability=probability,
                decision=decision,
                **({"reasons": reasons} if reasons else {}),
            )


class DeadLetterRatio:
    """Share of dead letters in the last 1,000 messages: more than half point to a broken producer."""

    def __init__(self) -> None:
        self._window: deque[bool] = deque(maxlen=_WINDOW)
        self._log = structlog.get_logger()
        self.alarming = False

    def cycle(self, outcomes: Sequence[Outcome]) -> None:
        """Count a cycle's messages; log when their ratio crosses one half."""
        for outcome in outcomes:
            self._window.extend([False] * min(len(outcome.scored), _WINDOW))
            self._window.extend([True] * min(len(outcome.invalid), _WINDOW))
        dead = sum(self._window)
        alarming = len(self._window) == _WINDOW and 2 * dead > _WINDOW
        if alarming and not self.alarming:
            self._log.error("most messages are dead letters", dead=dead, of=_WINDOW, action="inspect payments-dlq")
        elif self.alarming and not alarming:
            self._log.info("messages are mostly valid again", dead=dead, of=_WINDOW)
        self.alarming = alarming
