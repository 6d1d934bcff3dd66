"""An HTTP server with bounded connections, memory and time, regardless of what its clients send, or do not read."""

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
"""Time to receive a complete request; the rest of a partial request gets no more time than the next request."""
_WRITE_S = 15.0
"""Time for the client to read a response."""
_KERNEL_BYTES = 64 << 10
"""Socket buffer per connection and direction; Linux doubles it. The default grows to 4 MB if a client does not read."""
_DISCARD_ON_CLOSE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
_LINE_BYTES = 4_096
_HEADERS = 64
_LINGER_S = 1.0
_SPARE = 20
"""Connections above a limit that get a response; further ones are closed immediately."""
_IPV6_SITE_BITS = 64
_TOO_MANY = Refusal(503, "Too many connections are open: close some, or try again later.")

_Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Maximum numbers of open connections: of all clients, and of one client."""

    total: int
    of_one: int


def client_of(remote: str | None) -> str:
    """Return the identity of a client: an IPv4 address, or the /64 network of an IPv6 address."""
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
    """Serve within the block, and yield the URL. Raises SettingsError naming `variable` if the port can't be bound.

    A handler is cancelled when its client disconnects.
    """
    application.on_response_prepare.append(_add_headers)
    runner = web.AppRunner(application, shutdown_timeout=1.0, handler_cancellation=True)
    await runner.setup()
    assert runner.server is not None  # noqa: S101 - set by `setup`
    runner.server.request_handler = _with_guard(runner.server.request_handler, guard)
    make = partial(_Connection, runner.server, _OpenConnections(limits), asyncio.get_running_loop())
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
        # asyncio would listen on IPv6 only, and the page at 127.0.0.1 would be unreachable
        dualstack = socket.has_dualstack_ipv6()
        listener = socket.create_server((host, port), family=socket.AF_INET6, dualstack_ipv6=dualstack)
        return await loop.create_server(make, sock=listener)
    except OSError as error:
        raise SettingsError(f"{variable}: {Address(host, port)} is not available: {error.strerror or error}") from error


class _OpenConnections:
    """Open connections of one server, in total and by client."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open = Counter[str]()

    def add(self, client: str) -> int:
        """Add a connection; return by how many a limit is exceeded, 0 or less if none is."""
        self._open[client] += 1
        return max(self._open.total() - self._limits.total, self._open[client] - self._limits.of_one)

    def remove(self, client: str) -> None:
        """Remove a connection."""
        self._open[client] -= 1
        if not self._open[client]:
            del self._open[client]


class _Connection(web.RequestHandler):
    """One connection: closed if no complete request arrives in time, aborted if the client does not read in time."""

    def __init__(self, server: web.Server, connections: _OpenConnections, loop: asyncio.AbstractEventLoop) -> None:
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
        self._connections = connections
        self._client: str | None = None
        self._socket_transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket_transport = transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._client = client_of(peer[0] if peer else None)
        excess = self._connections.add(self._client)
        if excess > _SPARE:
            self._abort()
            return
        self.is_surplus = excess > 0
        # bytes that the kernel does not accept pause the writer, and start its deadline
        transport.set_write_buffer_limits(high=0)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, option, _KERNEL_BYTES)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_deadline()
        self._socket_transport = None
        if self._client is not None:
            self._connections.remove(self._client)
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
        except Exception as error:  # noqa: BLE001 - aiohttp's parser may raise more than it documents
            self._log_malformed(error)
            self._abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if not _is_client_error(exc):
            return super().handle_error(request, status, exc, message)
        self._log_malformed(exc)
        response = web.Response(status=400, text="The HTTP request is malformed.\n", headers=HEADERS)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        error = kw.get("exc_info")
        if isinstance(error, BaseException) and _is_client_error(error):
            self._log_malformed(error)
        else:
            super().log_exception(*args, **kw)

    def _log_malformed(self, error: BaseException | None) -> None:
        structlog.get_logger().debug("malformed request", client=self._client, error=type(error).__name__)

    def _abort(self) -> None:
        """Close immediately, and let the kernel discard its buffers."""
        if self._socket_transport is not None:
            self._socket_transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, _DISCARD_ON_CLOSE
            )
            self._socket_transport.abort()

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _is_client_error(error: BaseException | None) -> bool:
    """Return whether an error was caused by a client's request or connection, not by this server."""
    return isinstance(error, HttpProcessingError | web.RequestPayloadError) or is_lost_connection(error)


def _with_guard(handle: _Handle, guard: Guard) -> _Handle:
    """Return a handler that refuses requests before the router handles them."""

    async def check_and_handle(request: web.BaseRequest) -> web.StreamResponse:
        is_surplus = isinstance(request.protocol, _Connection) and request.protocol.is_surplus
        refusal = _TOO_MANY if is_surplus else guard.refusal(request)
        if refusal is None:
            await request.writer.drain()  # a client that pipelines requests must read the previous response first
            return await handle(request)
        response = web.Response(status=refusal.status, text=f"{refusal.text}\n", headers=HEADERS)
        response.force_close()
        return response

    return check_and_handle


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = HEADERS["Server"]
