"""How the last attempt to connect to each broker has ended: aiokafka only says that there is no connection."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import errors

from fraudstream.errors import KafkaSetupError
from fraudstream.kafka.refusals import Client, Refusal, asked_for_user, refusal
from fraudstream.runtime.addresses import Address

_STANDS_S = 30.0
"""aiokafka tries again more often than that, as long as it needs that broker."""

Connect = Callable[..., Awaitable[Any]]


class Attempts:
    """Of one process, which has to do with one cluster."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._refused: dict[str, tuple[float, Refusal]] = {}
        self._accepted: dict[str, Client] = {}

    def noting(self, connect: Connect) -> Connect:
        """The same, noting how it ends."""

        async def noted(host: str, port: int, **options: Any) -> Any:
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
            except (LookupError, ValueError, AssertionError):  # what it makes of a login that does not end as it should
                wrong = errors.SaslAuthenticationFailed("the broker's part of the login is wrong")
                self.failed(client, wrong)
                raise wrong from None
            self.succeeded(client)
            return connection

        return noted

    def failed(self, client: Client, error: BaseException) -> None:
        """There is no connection."""
        self._accepted.pop(client.address, None)
        self._refused.pop(client.address, None)
        if found := refusal(error, client):
            self._refused[client.address] = (self._now(), found)

    def succeeded(self, client: Client) -> None:
        """There is one."""
        self._refused.pop(client.address, None)
        self._accepted[client.address] = client

    def standing(self) -> str | None:
        """Why a broker refuses us for good, if one does."""
        return next((one.words for one in self._recent() if one.is_final), None)

    def guess(self) -> str | None:
        """Why a client may not have started: more than `standing`, and less certain."""
        if recent := self._recent():
            return next((one.words for one in recent if one.is_final), recent[0].words)
        # it had its connections, and failed all the same
        open_doors = [client for client in self._accepted.values() if not client.protocol.startswith("SASL")]
        return asked_for_user(open_doors[0]).words if open_doors else None

    def check(self) -> None:
        """Raise KafkaSetupError where a broker refuses us for good."""
        if words := self.standing():
            raise KafkaSetupError(words)

    def _recent(self) -> list[Refusal]:
        now = self._now()
        return [found for since, found in self._refused.values() if now - since < _STANDS_S]


attempts = Attempts()
