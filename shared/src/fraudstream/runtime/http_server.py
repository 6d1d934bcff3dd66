"""An HTTP server with bounded connections, memory and time, whatever its clients send, or do not read."""

import asyncio
import ipaddress
import socket
import struct
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import structlog
from aiohttp import web
from aiohttp.http import HttpProcessingError

from fraudstream.errors import SettingsError
from fraudstream.runtime.addresses import Address
from fraudstream.runtime.http_guard import HEADERS, Guard, Refusal
from fraudstream.runtime.run import is_lost_connection

_ALL_IPV6 = "::"
_IDLE_S = 15.0
"""Without a whole request: half of one is not waited for any longer than the next one."""
_WRITE_S = 15.0
"""The client must have read what was written by then."""
_KERNEL_BYTES = 64 << 10
"""Of each connection and direction; Linux doubles it. By default it grows to 4 MB for a reader that does not read."""
_DISCARD = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
_LINE_BYTES = 4_096
_HEADERS = 64
_LINGER_S = 1.0
_SPARE = 20
"""Connections above a limit that get an answer; those above that are closed at once."""
_IPV6_SITE_BITS = 64
_TOO_MANY = Refusal(503, "Too many connections are open: close some, or try again later.")

_Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Connections that may be open: of all clients, and of one address."""

    total: int
    of_one: int


def client_of(remote: str | None) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        address = ipaddress.ip_address((remote or "").partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address), _IPV6_SITE_BITS), strict=False))


@asynccontextmanager
async def served(
    application: web.Application, guard: Guard, limits: Limits, *, host: str, port: int, variable: str
) -> AsyncIterator[str]:
    """Serve within the block, and yield the URL. SettingsError naming `variable` where the port is taken.

    A handler is cancelled when its client disconnects.
    """
    application.on_response_prepare.append(_add_headers)
    runner = web.AppRunner(application, shutdown_timeout=1.0, handler_cancellation=True)
    await runner.setup()
    assert runner.server is not None  # noqa: S101 - it is set up
    runner.server.request_handler = _checked(runner.server.request_handler, guard)
    make = partial(_Connection, runner.server, _Crowd(limits), asyncio.get_running_loop())
    try:
        server = await _listen(make, host, port, variable)
        try:
            yield f"http://{Address(host, server.sockets[0].getsockname()[1])}"
        finally:
            server.close()
    finally:
        await runner.cleanup()


async def _listen(make: Callable[[], asyncio.Protocol], host: str, port: int, variable: str) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    try:
        if host != _ALL_IPV6:
            return await loop.create_server(make, host, port)
        # asyncio would listen to IPv6 alone, and the page at 127.0.0.1 would not answer
        both = socket.has_dualstack_ipv6()
        listener = socket.create_server((host, port), family=socket.AF_INET6, dualstack_ipv6=both)
        return await loop.create_server(make, sock=listener)
    except OSError as error:
        raise SettingsError(f"{variable}: {Address(host, port)} can't be had: {error.strerror or error}") from error


class _Crowd:
    """The connections of one server until they are closed, in all and by client."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open = Counter[str]()

    def join(self, client: str) -> int:
        """Count one more; returns by how many a limit is exceeded, at most 0 if none is."""
        self._open[client] += 1
        return max(self._open.total() - self._limits.total, self._open[client] - self._limits.of_one)

    def leave(self, client: str) -> None:
        """Count one less."""
        self._open[client] -= 1
        if not self._open[client]:
            del self._open[client]


class _Connection(web.RequestHandler):
    """One connection: closed without a whole request in time, aborted if what was written is not read in time."""

    def __init__(self, server: web.Server, crowd: _Crowd, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # as AppRunner passes it on
            keepalive_timeout=_IDLE_S,
            max_line_size=_LINE_BYTES,
            max_headers=_HEADERS,
            lingering_time=_LINGER_S,
            auto_decompress=False,
        )
        self.is_surplus = False
        self._crowd = crowd
        self._client: str | None = None
        self._wire: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._client = client_of(peer[0] if peer else None)
        excess = self._crowd.join(self._client)
        if excess > _SPARE:
            self._abort()
            return
        self.is_surplus = excess > 0
        # all that the kernel does not take pauses the writer, and starts its deadline
        transport.set_write_buffer_limits(high=0)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, option, _KERNEL_BYTES)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_deadline()
        self._wire = None
        if self._client is not None:
            self._crowd.leave(self._client)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._deadline = self._loop.call_later(_WRITE_S, self._abort)

    def resume_writing(self) -> None:
        self._stop_deadline()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        try:
            super().data_received(data)
        except Exception as error:  # noqa: BLE001 - a parser that is not ours: it may raise more than it documents
            self._note(error)
            self._abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if not _is_of_client(exc):
            return super().handle_error(request, status, exc, message)
        self._note(exc)
        response = web.Response(status=400, text="This is not an HTTP request that can be read.\n", headers=HEADERS)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        error = kw.get("exc_info")
        if isinstance(error, BaseException) and _is_of_client(error):
            self._note(error)
        else:
            super().log_exception(*args, **kw)

    def _note(self, error: BaseException | None) -> None:
        structlog.get_logger().debug("malformed request", client=self._client, error=type(error).__name__)

    def _abort(self) -> None:
        """Close at once, and let the kernel discard what it holds for the client."""
        if self._wire is not None:
            self._wire.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DISCARD)
            self._wire.abort()

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _is_of_client(error: BaseException | None) -> bool:
    """Return whether an error comes from what a client sent, or from its connection, and is no fault of this server."""
    return isinstance(error, HttpProcessingError | web.RequestPayloadError) or is_lost_connection(error)


def _checked(handle: _Handle, guard: Guard) -> _Handle:
    """Refuse requests that no handler should get, before the router looks for one."""

    async def check_and_handle(request: web.BaseRequest) -> web.StreamResponse:
        is_surplus = isinstance(request.protocol, _Connection) and request.protocol.is_surplus
        refusal = _TOO_MANY if is_surplus else guard.refusal(request)
        if refusal is None:
            await request.writer.drain()  # a client that sends requests ahead must read the answer before
            return await handle(request)
        response = web.Response(status=refusal.status, text=f"{refusal.text}\n", headers=HEADERS)
        response.force_close()
        return response

    return check_and_handle


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = HEADERS["Server"]
