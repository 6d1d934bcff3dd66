"""Log lines about payments: one per payment at a slow pace, one per second at a fast pace."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import repeat

import structlog

from fraudstream.payment import APPROVE
from fraudstream.payment_schema import PaymentSchema
from scorer.scoring import Outcome

_LINES_PER_S = 5.0
_BURST_LINES = 20.0
_SUMMARY_EVERY_S = 1.0
_WINDOW = 1_000


class Narration:
    """Log of committed cycles, within a budget of lines: 5 per second, up to 20 at a time."""

    def __init__(self, schema: PaymentSchema, now: Callable[[], float] = time.monotonic) -> None:
        self._id, self._amount = schema.id, schema.amount
        self._now = now
        self._log = structlog.get_logger()
        self._lines = _BURST_LINES
        self._filled_s = now()
        self._since_s = now()
        self._scored = self._flagged = self._dead = self._cycles = self._left_out = 0
        self._busy_s = 0.0

    def cycle(self, outcomes: Sequence[Outcome], duration_s: float) -> None:
        """Log a committed cycle, or count it in the summary."""
        count = sum(len(outcome.scored) + len(outcome.invalid) for outcome in outcomes)
        self._refill()
        if count <= self._lines:
            self._lines -= count
            self._log_each(outcomes)
            return
        if not self._cycles:
            self._since_s = self._now() - duration_s
        self._cycles += 1
        self._busy_s += duration_s
        self._left_out += count
        for outcome in outcomes:
            self._scored += len(outcome.scored)
            self._dead += len(outcome.invalid)
            self._flagged += len(outcome.scored) - outcome.scored.decision.count(APPROVE)
        self.tick()

    def tick(self) -> None:
        """Log the summary if it is due."""
        if self._now() - self._since_s >= _SUMMARY_EVERY_S:
            self.finish()

    def finish(self) -> None:
        """Log the summary of the payments that have no line of their own yet."""
        if not self._cycles:
            return
        elapsed_s = self._now() - self._since_s
        self._log.info(
            "payments scored",
            scored=self._scored,
            flagged=self._flagged,
            dead_letters=self._dead,
            per_second=round((self._scored + self._dead) / elapsed_s) if elapsed_s else None,
            cycles=self._cycles,
            ms_per_cycle=round(1000 * self._busy_s / self._cycles, 1),
            lines_left_out=self._left_out,
        )
        self._scored = self._flagged = self._dead = self._cycles = self._left_out = 0
        self._busy_s = 0.0

    def _refill(self) -> None:
        now = self._now()
        self._lines = min(_BURST_LINES, self._lines + (now - self._filled_s) * _LINES_PER_S)
        self._filled_s = now

    def _log_each(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            scored = outcome.scored
            amounts = scored.payments[self._amount] if self._amount else repeat(None)
            for payment_id, amount, probability, decision in zip(
                scored.payments[self._id], amounts, scored.fraud_probability, scored.decision, strict=False
            ):
                self._log.info(
                    "payment scored",
                    payment_id=payment_id,
                    **({} if amount is None else {"amount": amount}),
                    fraud_probability=probability,
                    decision=decision,
                )
            for offset, invalid in outcome.invalid:
                self._log.warning(
                    "dead letter",
                    partition=outcome.partition,
                    offset=offset,
                    reason=invalid.reason,
                    detail=invalid.detail,
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
