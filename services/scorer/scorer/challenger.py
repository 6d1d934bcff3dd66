"""A second model scores the same payments in the shadow: its probability is published, never acted upon.

It runs where the champion does, after it. One that fails or costs too much is left out for a while, and said so.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import structlog

from fraudstream.errors import ModelUnfitError
from fraudstream.model.fraud_model import Floats, FraudModel
from fraudstream.model.manifest import Manifest
from scorer.scoring import Shadow

Load = Callable[[], tuple[FraudModel, Manifest] | None]

_LOOK_EVERY_S = 2.0
_REPORT_EVERY_S = 60.0
_LEFT_OUT_S = 60.0
# of a batch's scoring; the smaller one counts for small batches, where a call costs more than its rows
_MOST_S, _MOST_S_PER_PAYMENT = 0.02, 20e-6


@dataclass(slots=True)
class _Tally:
    payments: int = 0
    agreed: int = 0
    shift: float = 0.0
    seconds: float = 0.0


@dataclass(slots=True, kw_only=True)
class Challenger:
    """Holds the challenging model, if there is one; `watch` follows the folder."""

    load: Load
    now: Callable[[], float] = time.monotonic
    spent: Callable[[], float] = time.thread_time
    """CPU of this thread in seconds, by which it is judged: that the machine is busy is not its fault."""
    compared: Callable[[int, int], object] = lambda *_: None
    """Told of each batch: how many payments, and of how many both models decide the same."""
    model: FraudModel | None = None
    _refused: str | None = None
    _left_out_until_s: float = 0.0
    _reported_s: float = 0.0
    _tally: _Tally = field(default_factory=_Tally)
    kind: str = ""

    async def watch(self) -> None:
        """Look every 2 s, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_EVERY_S)

    async def look(self) -> None:
        """Follow the folder; whatever is wrong with a challenger is said once, and ends it."""
        try:
            found = await asyncio.to_thread(self.load)
        except ModelUnfitError as error:
            self.model = None
            if str(error) != self._refused:
                structlog.get_logger().warning("challenger refused", reason=str(error))
            self._refused = str(error)
            return
        self._refused = None
        model = found[0] if found else None
        if (model and model.content_sha256) == (self.model and self.model.content_sha256):
            return
        structlog.get_logger().info(
            "challenger", version=model.version if model else None, was=self.model.version if self.model else None
        )
        self.kind = found[1].kind if found else ""
        self.model, self._tally, self._reported_s, self._left_out_until_s = model, _Tally(), self.now(), 0.0

    def score(self, matrix: Floats, champion: FraudModel, probabilities: Floats) -> Shadow | None:
        """The same payments' probabilities; None where there is no challenger, or it is left out. Never raises."""
        model = self.model
        if model is None or model.content_sha256 == champion.content_sha256:
            return None
        if not len(matrix) or self.now() < self._left_out_until_s:
            return None
        began_s = self.spent()
        try:
            shadow = model.score(matrix)
        except ModelUnfitError as error:
            self._leave_out(str(error))
            return None
        seconds = self.spent() - began_s
        self._compare(champion, model, probabilities, shadow, seconds)
        if seconds > max(_MOST_S, _MOST_S_PER_PAYMENT * len(matrix)):
            self._leave_out(f"{1000 * seconds:.0f} ms for {len(matrix)} payments")
        return Shadow(shadow, model.version)

    def _leave_out(self, reason: str) -> None:
        structlog.get_logger().warning("challenger left out", reason=reason, seconds=_LEFT_OUT_S)
        self._left_out_until_s = self.now() + _LEFT_OUT_S

    def _compare(
        self, champion: FraudModel, model: FraudModel, probabilities: Floats, shadow: Floats, seconds: float
    ) -> None:
        tally = self._tally
        agreed = sum(map(str.__eq__, champion.decide(probabilities), model.decide(shadow)))
        tally.payments += len(shadow)
        tally.agreed += agreed
        self.compared(len(shadow), agreed)
        tally.shift += float((_log_odds(shadow) - _log_odds(probabilities)).sum())
        tally.seconds += seconds
        if self.now() - self._reported_s < _REPORT_EVERY_S:
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
        self._tally, self._reported_s = _Tally(), self.now()


def _log_odds(probabilities: Floats) -> Floats:
    log_odds: Floats = np.log(probabilities / (1.0 - probabilities))
    return log_odds
