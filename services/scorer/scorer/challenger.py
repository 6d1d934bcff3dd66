"""The challenger: a second model that scores the same payments; its probability is published but decides nothing.

It runs in the same thread as the champion, after it. If it fails or costs too much, it is paused for 60 s, with a
warning.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from fraudstream.arrays import Floats
from fraudstream.errors import ModelUnfitError
from fraudstream.model.curves import logit
from fraudstream.model.fraud_model import FraudModel
from fraudstream.model.manifest import Manifest
from fraudstream.payment import Payments
from fraudstream.runtime.log_on_change import Every, LogOnChange
from scorer.scoring import Shadow

Load = Callable[[], tuple[FraudModel, Manifest] | None]

_LOOK_EVERY_S = 2.0
_REPORT_EVERY_S = 60.0
_PAUSE_S = 60.0
# CPU limits of one call: the larger applies; in small batches the call itself costs more than its rows
_MOST_S, _MOST_S_PER_PAYMENT = 0.02, 20e-6


@dataclass(slots=True)
class _Tally:
    payments: int = 0
    agreed: int = 0
    shift: float = 0.0
    seconds: float = 0.0


@dataclass(slots=True, kw_only=True)
class Challenger:
    """The challenger model, if one is set; `watch` follows the model folder."""

    load: Load
    now: Callable[[], float] = time.monotonic
    spent: Callable[[], float] = time.thread_time
    """CPU time of this thread in seconds, to which the limits apply: a busy machine must not pause the challenger."""
    compared: Callable[[int, int], object] = lambda *_: None
    """Called with each batch's number of payments, and the number on which both models decide the same."""
    model: FraudModel | None = None
    _refusal: LogOnChange = field(
        default_factory=lambda: LogOnChange(structlog.get_logger().warning, "challenger refused")
    )
    _paused_until_s: float = 0.0
    _tally: _Tally = field(default_factory=_Tally)
    _report: Every = field(default_factory=lambda: Every(_REPORT_EVERY_S))
    kind: str = ""

    async def watch(self) -> None:
        """Check the folder every 2 s, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_EVERY_S)

    async def look(self) -> None:
        """Load the folder's challenger if it has changed. An unfit one is unloaded; its reason is logged once."""
        try:
            loaded = await asyncio.to_thread(self.load)
        except ModelUnfitError as error:
            self.model = None
            self._refusal.report(str(error))
            return
        self._refusal.end()
        model = loaded[0] if loaded else None
        if (model and model.content_sha256) == (self.model and self.model.content_sha256):
            return
        structlog.get_logger().info(
            "challenger changed",
            version=model.version if model else None,
            was=self.model.version if self.model else None,
        )
        self.kind = loaded[1].kind if loaded else ""
        self.model, self._tally, self._report = model, _Tally(), Every(_REPORT_EVERY_S, self.now)
        self._paused_until_s = 0.0

    def score(self, payments: Payments, amounts: Floats, champion: FraudModel, probabilities: Floats) -> Shadow | None:
        """Return the challenger's probabilities of the payments; None without a challenger, or while it is paused.

        Logs a ModelUnfitError instead of raising it.
        """
        model = self.model
        if model is None or model.content_sha256 == champion.content_sha256:
            return None
        if not len(probabilities) or self.now() < self._paused_until_s:
            return None
        started_s = self.spent()
        try:
            shadow = model.score(model.matrix(payments))
        except ModelUnfitError as error:
            self._pause(str(error))
            return None
        seconds = self.spent() - started_s
        self._compare(champion, model, amounts, probabilities, shadow, seconds)
        if seconds > max(_MOST_S, _MOST_S_PER_PAYMENT * len(shadow)):
            self._pause(f"{1000 * seconds:.0f} ms for {len(shadow)} payments")
        return Shadow(shadow, model.version)

    def _pause(self, reason: str) -> None:
        structlog.get_logger().warning("challenger paused", reason=reason, seconds=_PAUSE_S)
        self._paused_until_s = self.now() + _PAUSE_S

    def _compare(
        self,
        champion: FraudModel,
        model: FraudModel,
        amounts: Floats,
        probabilities: Floats,
        shadow: Floats,
        seconds: float,
    ) -> None:
        tally = self._tally
        agreed = sum(map(str.__eq__, champion.decide(probabilities, amounts), model.decide(shadow, amounts)))
        tally.payments += len(shadow)
        tally.agreed += agreed
        self.compared(len(shadow), agreed)
        tally.shift += float((logit(shadow) - logit(probabilities)).sum())
        tally.seconds += seconds
        if not self._report.due():
            return
        structlog.get_logger().info(
            "challenger compared",
            champion=champion.version,
            challenger=model.version,
            payments=tally.payments,
            same_decision=round(tally.agreed / tally.payments, 4),
            log_odds_shift=round(tally.shift / tally.payments, 4),
            us_per_payment=round(1e6 * tally.seconds / tally.payments, 2),
        )
        self._tally = _Tally()
