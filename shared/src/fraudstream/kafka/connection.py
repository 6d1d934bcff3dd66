"""Options, start and stop of every client, and the wait for a broker that is not up yet."""

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
from fraudstream.kafka.patches import require_patches
from fraudstream.kafka.tls import tls_context
from fraudstream.runtime.log_on_change import LogOnChange
from fraudstream.runtime.run import wait_for_stop
from fraudstream.runtime.settings import KafkaSettings

Log = structlog.stdlib.BoundLogger

# A broker that is unavailable, in any state. Neither RuntimeError nor AssertionError: those are bugs, ours or the
# client's, and end the process; those that an outage can cause are converted where they occur (`patches`, `producing`).
BROKEN = (errors.KafkaError, OSError, TimeoutError)
# neither waiting nor a new client resolves these
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
_LOG_AFTER_S, _LOG_EVERY_S = 5.0, 10.0
# a broker that is stopping or has just started may cause once the errors that a wrong setting causes each time
_GUESS_AFTER_S = 3.0
_CHECK_EVERY_S = 3.0
_STOP_S = 5.0
# longer than the slowest join of a group; without a timeout, a start may never return
_ATTEMPT_S = 90.0


def error_text(error: BaseException) -> str:
    """Return the message of an error, or else its type: a TimeoutError has none."""
    return str(error) or type(error).__name__


class Client(Protocol):
    """Common interface of aiokafka's clients; each also has a `stop`, or a `close` (the admin client)."""

    async def start(self) -> None:
        """Connect."""


C = TypeVar("C", bound=Client)
T = TypeVar("T")


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """Return the options common to all clients. Raises SettingsError where a certificate's file can't be used."""
    require_patches()
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers,
        # with the default, new partitions are discovered only after 5 minutes
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
    """Return a started client, waiting for a broker; None if *stop* is set first. The caller stops the client.

    *bootstrap* is for the log. Raises KafkaSetupError where a broker permanently refuses this client.
    """
    waiting = _WaitLog(log.bind(bootstrap=bootstrap) if bootstrap else log)
    pause_s = _FIRST_PAUSE_S
    with quiet_client():
        while not stop.is_set():
            client = make()
            try:
                if await _start(client, stop, waiting):
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
    """Stop *client* within 5 s, whatever state it is in, and suppress its errors.

    Also the CancelledError of aiokafka's own tasks, which its `stop` propagates while a broker is unavailable; it then
    leaves its connections open, so they are closed here.
    """
    names = (name for name in ("stop", "close") if hasattr(client, name))
    if await _finish(getattr(client, next(names))()):
        return
    for name in ("_client", "client"):
        if connections := getattr(client, name, None):
            await _finish(connections.close())


async def _finish(work: Coroutine[Any, Any, Any]) -> bool:
    """Return whether *work* returned within 5 s without an error; it is cancelled otherwise."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        await asyncio.wait({task}, timeout=_STOP_S)
    finally:
        task.cancel()
    await asyncio.wait({task}, timeout=_STOP_S)
    return task.done() and not task.cancelled() and task.exception() is None


async def unless_stopped(work: Coroutine[Any, Any, T], stop: asyncio.Event, timeout_s: float | None = None) -> T | None:
    """Return the result of *work*; cancel it and return None when *stop* is set. TimeoutError after *timeout_s*."""
    task, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopping}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if stopping.done():
            return None
        raise TimeoutError
    finally:
        stopping.cancel()
        task.cancel()
        await asyncio.gather(task, stopping, return_exceptions=True)


async def _start(client: Client, stop: asyncio.Event, waiting: "_WaitLog") -> bool:
    timer = asyncio.get_running_loop().call_later(_LOG_AFTER_S, waiting.report)
    try:
        return bool(await unless_stopped(_start_unless_refused(client), stop, _ATTEMPT_S))
    except REFUSED as error:
        raise KafkaSetupError(f"Kafka refuses this client: {error!r}") from error
    except BROKEN:
        attempts.check()
        waiting.report()
        return False
    finally:
        timer.cancel()


async def _start_unless_refused(client: Client) -> bool:
    """Start *client*. A client that has the brokers' addresses but can't connect to them would retry without end."""
    work = asyncio.ensure_future(client.start())
    try:
        while not (await asyncio.wait({work}, timeout=_CHECK_EVERY_S))[0]:
            attempts.check()
        work.result()
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    return True


class _WaitLog:
    """Log lines of the wait for Kafka, with the reason where the failed attempts indicate one."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._waiting = LogOnChange(log.warning, "waiting for Kafka", _LOG_EVERY_S)
        self._since_s = time.monotonic()

    def report(self) -> None:
        guess = attempts.guess() if time.monotonic() - self._since_s > _GUESS_AFTER_S else None
        self._waiting.report(guess or "")

    def over(self) -> None:
        if self._waiting.end():
            self._log.info("connected to Kafka", waited_s=round(time.monotonic() - self._since_s, 1))


_client_log = logging.getLogger("aiokafka")
_levels: list[int] = []


@contextmanager
def quiet_client() -> Iterator[None]:
    """Silence aiokafka's log, which repeats ten times a second what is logged here once; calls may overlap."""
    _levels.append(_client_log.level)
    _client_log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        level = _levels.pop()
        if not _levels:
            _client_log.setLevel(level)
