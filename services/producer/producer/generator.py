"""Simulated payments as messages; pure, given its random generator."""

import numpy as np

from fraudstream.record import KeyedMessage
from fraudstream.simulation import simulate
from producer.identifiers import PaymentIds

_MS_PER_HOUR = 3_600_000
_HOURS_PER_DAY = 24


class SimulatedSource:
    """Endless stream of realistic payments."""

    def __init__(self, rng: np.random.Generator, ids: PaymentIds) -> None:
        self._rng = rng
        self._ids = ids

    def take(self, count: int, now_ms: int) -> list[KeyedMessage]:
        """Return `count` payments, all at the UTC hour of `now_ms`."""
        batch = simulate(self._rng, count, hour=now_ms // _MS_PER_HOUR % _HOURS_PER_DAY)
        columns = (
            batch.amount,
            batch.country_risk_score,
            batch.failed_logins,
            batch.transaction_hour,
            batch.is_new_device,
        )
        rows = zip(self._ids.take(count), *(column.tolist() for column in columns), strict=True)
        # formatted by hand: json.dumps takes four times as long, and these are plain numbers
        return [
            KeyedMessage(
                b"%d" % payment_id,
                f'{{"payment_id":{payment_id},"amount":{amount},"country_risk_score":{risk},"failed_logins":{logins},'
                f'"transaction_hour":{hour},"is_new_device":{new_device}}}'.encode(),
                now_ms,
            )
            for payment_id, amount, risk, logins, hour, new_device in rows
        ]
