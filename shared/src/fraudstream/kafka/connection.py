"""How every client reaches the brokers, and how it waits for one that is not up yet."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import structlog
from aiokafka import errors

from fraudstream.errors import KafkaSetupError
from fraudstream.kafka.attempts import attempts
from fraudstream.kafka.patches import note_attempts, register_invalid_record_error
from fraudstream.kafka.tls import tls_context
from fraudstream.runtime.run import wait_for_stop
from fraudstream.runtime.settings import KafkaSettings
from fraudstream.runtime.waiting import Waiting

Log = structlog.stdlib.BoundLogger

# A broker that is unavailable, in any state. Neither RuntimeError nor AssertionError: those are bugs, ours or the
# client's, and end the process; those that an outage can cause are converted where they occur (`patches`, `producing`).
BROKEN = (errors.KafkaError, OSError, TimeoutError)
# what neither waiting nor a new client mends
REFUSED = (
    errors.ClusterAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.IllegalSaslStateError,
    errors.SaslAuthenticationFailed,
    errors.TopicAuthorizationFailedError,
    errors.TransactionalIdAuthorizationFailed,
    errors.UnsupportedSaslMechanismError,
)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
_SAY_AFTER_S = 5.0
# a broker that is about to stop or has just started may do once what a wrong setting does each time
_GUESS_AFTER_S = 3.0
_LOOK_EVERY_S = 3.0
_STOP_S = 5.0
# longer than the slowest join of a group; a start can also go on for ever
_ATTEMPT_S = 90.0


class Client(Protocol):
    """What aiokafka's clients have in common; each also has a `stop`, or a `close` as the admin client."""

    async def start(self) -> None:
        """Connect."""


C = TypeVar("C", bound=Client)
T = TypeVar("T")


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """The options that all of aiokafka's clients share. Raises SettingsError where a certificate's file is unfit."""
    note_attempts()
    register_invalid_record_error()
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers,
        # the default, 5 minutes, would leave new partitions unseen for as long
        "metadata_max_age_ms": 15_000,
        "security_protocol": settings.security_protocol,
        "ssl_context": tls_context(settings),
    }
    if settings.uses_sasl:
        options |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": settings.sasl_password.get_secret_value(),
        }
    return options


async def started(make: Callable[[], C], stop: asyncio.Event, log: Log, *, bootstrap: str = "") -> C | None:
    """A started client, once a broker is there; None if told to stop before. The caller stops it.

    `bootstrap` is for the log. Raises KafkaSetupError where waiting is no use: a broker refuses this client for good.
    """
    waiting = _Waiting(log.bind(bootstrap=bootstrap) if bootstrap else log)
    pause_s = _FIRST_PAUSE_S
    with quiet_client():
        while not stop.is_set():
            client = make()
            try:
                if await _starts(client, stop, waiting):
                    waiting.over()
                    return client
            except BaseException:
                await stopped(client)
                raise
            await stopped(client)
            await wait_for_stop(stop, pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
    return None


async def stopped(client: Client) -> None:
    """Stop `client` within 5 s, whatever state it is in; nothing that it raises comes out.

    Not even the CancelledError of one of aiokafka's own tasks, which its `stop` lets through while a broker is away;
    it then leaves its connections open, so they are closed here.
    """
    names = (name for name in ("stop", "close") if hasattr(client, name))
    if await _ended(getattr(client, next(names))()):
        return
    for name in ("_client", "client"):
        if connections := getattr(client, name, None):
            await _ended(connections.close())


async def _ended(work: Coroutine[Any, Any, Any]) -> bool:
    """Whether `work` came to its end within 5 s, and well; it is cancelled otherwise."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        await asyncio.wait({task}, timeout=_STOP_S)
    finally:
        task.cancel()
    await asyncio.wait({task}, timeout=_STOP_S)
    return task.done() and not task.cancelled() and task.exception() is None


async def unless_stopped(work: Coroutine[Any, Any, T], stop: asyncio.Event, timeout_s: float | None = None) -> T | None:
    """What `work` returns; it is cancelled, and None returned, when told to stop. TimeoutError after `timeout_s`."""
    task, told = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, told}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if told.done():
            return None
        raise TimeoutError
    finally:
        told.cancel()
        task.cancel()
        await asyncio.gather(task, told, return_exceptions=True)


async def _starts(client: Client, stop: asyncio.Event, waiting: "_Waiting") -> bool:
    saying = asyncio.get_running_loop().call_later(_SAY_AFTER_S, waiting.say)
    try:
        return bool(await unless_stopped(_unless_refused(client), stop, _ATTEMPT_S))
    except REFUSED as error:
        raise KafkaSetupError(f"Kafka refuses this client: {error!r}") from error
    except BROKEN:
        attempts.check()
        waiting.say()
        return False
    finally:
        saying.cancel()


async def _unless_refused(client: Client) -> bool:
    """Start it. One that knows the brokers but does not get to them would try for ever."""
    work = asyncio.ensure_future(client.start())
    try:
        while not (await asyncio.wait({work}, timeout=_LOOK_EVERY_S))[0]:
            attempts.check()
        work.result()
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    return True


class _Waiting:
    """Says that it waits, and why where the failed attempts tell."""

    def __init__(self, log: Log) -> None:
        self._waiting = Waiting(log, "waiting for Kafka", "Kafka is there")
        self._since_s = time.monotonic()

    def say(self) -> None:
        guess = attempts.guess() if time.monotonic() - self._since_s > _GUESS_AFTER_S else None
        self._waiting.report(reason=guess)

    def over(self) -> None:
        self._waiting.end()


_client_log = logging.getLogger("aiokafka")
_levels: list[int] = []


@contextmanager
def quiet_client() -> Iterator[None]:
    """Silence aiokafka's own log, which repeats ten times a second what is said here once; may overlap with others."""
    _levels.append(_client_log.level)
    _client_log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        level = _levels.pop()
        if not _levels:
            _client_log.setLevel(level)
