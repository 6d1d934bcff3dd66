"""Source of payments: its interface, and simulated payments as messages; pure, given its random generator."""

from typing import Protocol

import numpy as np

from fraudstream.payment import ID, encode_all
from fraudstream.record import KeyedMessage
from fraudstream.simulation import simulate
from producer.identifiers import PaymentIds

_MS_PER_HOUR = 3_600_000
_HOURS_PER_DAY = 24


class Source(Protocol):
    """Source of messages that are ready to be sent."""

    def take(self, count: int, now_ms: int) -> list[KeyedMessage]:
        """Return the next `count` messages, created at `now_ms` (UTC); fewer near the source's end, none at its end."""


class SimulatedSource:
    """Endless stream of realistic payments."""

    def __init__(self, rng: np.random.Generator, ids: PaymentIds) -> None:
        self._rng = rng
        self._ids = ids

    def take(self, count: int, now_ms: int) -> list[KeyedMessage]:
        """Return `count` payments, all at the UTC hour of `now_ms`."""
        batch = simulate(self._rng, count, hour=now_ms // _MS_PER_HOUR % _HOURS_PER_DAY)
        ids = self._ids.take(count)
        # formatted column by column: json.dumps takes four times as long, and these are plain numbers
        values = encode_all({ID: ids, **batch.columns()})
        return [KeyedMessage(b"%d" % one, value, now_ms) for one, value in zip(ids, values, strict=True)]
