"""The result of the last attempt to connect to each broker: aiokafka only reports that there is no connection."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import errors

from fraudstream.errors import KafkaSetupError
from fraudstream.kafka.refusals import Client, Refusal, closed_at_first_request, refusal
from fraudstream.runtime.addresses import Address

_VALID_S = 30.0
"""aiokafka retries more often than that, as long as it needs that broker."""

Connect = Callable[..., Awaitable[Any]]


class Attempts:
    """Connection attempts of this process, which uses one cluster."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._refused: dict[str, tuple[float, Refusal]] = {}
        self._accepted: dict[str, Client] = {}

    def noting(self, connect: Connect) -> Connect:
        """Wrap *connect* to record the result of each attempt."""

        async def connect_and_record(host: str, port: int, **options: Any) -> Any:
            client = Client(
                address=str(Address(host, port)),
                protocol=options["security_protocol"],
                mechanism=options["sasl_mechanism"],
                user=options["sasl_plain_username"] or "",
            )
            try:
                connection = await connect(host, port, **options)
            except (OSError, errors.KafkaError) as error:
                self.failed(client, error)
                raise
            except (LookupError, ValueError, AssertionError):  # aiokafka raises them for an invalid SASL exchange
                invalid = errors.SaslAuthenticationFailed("the broker's SASL response is invalid")
                self.failed(client, invalid)
                raise invalid from None
            self.succeeded(client)
            return connection

        return connect_and_record

    def failed(self, client: Client, error: BaseException) -> None:
        """Record a failed connection attempt."""
        self._accepted.pop(client.address, None)
        self._refused.pop(client.address, None)
        if reason := refusal(error, client):
            self._refused[client.address] = (self._now(), reason)

    def succeeded(self, client: Client) -> None:
        """Record an established connection."""
        self._refused.pop(client.address, None)
        self._accepted[client.address] = client

    def final_refusal(self) -> str | None:
        """Return why a broker permanently refuses this client; None if none does."""
        return next((one.message for one in self._recent() if one.is_final), None)

    def guess(self) -> str | None:
        """Return the likely reason why a client has not started: also covers refusals that may be temporary."""
        if recent := self._recent():
            return next((one.message for one in recent if one.is_final), recent[0].message)
        # connections were established, and the client failed all the same
        without_sasl = [client for client in self._accepted.values() if not client.protocol.startswith("SASL")]
        return closed_at_first_request(without_sasl[0]).message if without_sasl else None

    def check(self) -> None:
        """Raise KafkaSetupError where a broker permanently refuses this client."""
        if message := self.final_refusal():
            raise KafkaSetupError(message)

    def _recent(self) -> list[Refusal]:
        now = self._now()
        return [reason for since, reason in self._refused.values() if now - since < _VALID_S]


attempts = Attempts()
