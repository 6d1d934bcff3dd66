"""Log lines, at debug level, for delivered payments: one per payment at a low rate, one per second at a high rate.

The scorer logs the same payments at info level.
"""

from collections.abc import Callable

from fraudstream.kafka.connection import Log
from fraudstream.kafka.payment_sender import Delivery
from fraudstream.payment import InvalidPayment, PaymentFormat
from fraudstream.runtime.log_on_change import Every

_SLOW_PER_S = 10.0
_LOG_EVERY_S = 1.0


class Report:
    """Counter and log of deliveries; `now` is a monotonic clock in seconds."""

    def __init__(self, form: PaymentFormat, log: Log, rate_per_s: float, now: Callable[[], float]) -> None:
        self.delivered = 0
        self._form = form
        amount = form.schema.amount
        self._logged_fields = {"payment_id": form.schema.id}
        if amount is not None and not form.schema.fields[amount].secret:
            self._logged_fields["amount"] = amount
        self._log = log
        self._each = rate_per_s <= _SLOW_PER_S
        self._every = Every(_LOG_EVERY_S, now)
        self._logged = 0

    def add(self, delivery: Delivery) -> None:
        """Count a delivery, and log it or, at a high rate, the last second."""
        self.delivered += len(delivery.messages)
        if self._each:
            self._log_each(delivery)
        elif seconds := self._every.due():
            count = self.delivered - self._logged
            self._log.debug("payments sent", count=count, per_second=round(count / seconds), total=self.delivered)
            self._logged = self.delivered

    def _log_each(self, delivery: Delivery) -> None:
        for index, message in enumerate(delivery.messages):
            offset = delivery.offset + index if delivery.offset >= 0 else None
            payment = self._form.decode(message.value)
            if isinstance(payment, InvalidPayment):
                self._log.debug(
                    "malformed message sent", reason=payment.reason, partition=delivery.partition, offset=offset
                )
            else:
                columns = self._form.columns([payment])
                values = {key: columns[name][0] for key, name in self._logged_fields.items()}
                shown = {key: value for key, value in values.items() if value is not None}
                self._log.debug("payment sent", **shown, partition=delivery.partition, offset=offset)
