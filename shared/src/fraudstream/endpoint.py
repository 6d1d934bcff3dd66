"""What a service answers over HTTP: /metrics to Prometheus, /healthz and /readyz to whoever keeps it alive."""

import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from aiohttp import web
from aiohttp.http import HttpProcessingError
from aiohttp.log import server_logger
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from fraudstream.addresses import Address
from fraudstream.errors import SettingsError
from fraudstream.heartbeat import stalled, unhealthy
from fraudstream.lifecycle import is_lost_connection
from fraudstream.metrics import ServiceMetrics
from fraudstream.settings import MetricsSettings

_ALL_IPV6 = "::"


@asynccontextmanager
async def endpoint(
    settings: MetricsSettings, metrics: ServiceMetrics, heartbeat: Path, refresh: Callable[[], object] = lambda: None
) -> AsyncIterator[None]:
    """Answer within the block, if there is a port; `refresh` brings those metrics up to date that only are when asked.

    Health is what the loop's file `heartbeat` says: alive is who made progress just now, ready who can work as well.
    Raises SettingsError where the port can't be had.
    """
    if settings.port is None:
        yield
        return

    async def show(_: web.Request) -> web.Response:
        vital(metrics, heartbeat)
        refresh()
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.router.add_get("/metrics", show)
    application.router.add_get("/healthz", _health(lambda: stalled(heartbeat)))
    application.router.add_get("/readyz", _health(lambda: unhealthy(heartbeat)))
    async with served(application, settings.host, settings.port, "METRICS_PORT") as address:
        structlog.get_logger().info("metrics", url=f"{address}/metrics")
        yield


@asynccontextmanager
async def served(application: web.Application, host: str, port: int, variable: str) -> AsyncIterator[str]:
    """Serve within the block; the URL comes out. SettingsError naming `variable` where the port is taken."""
    server_logger.addFilter(_is_ours)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await _site(runner, host, port).start()
        except OSError as error:
            raise SettingsError(f"{variable}: {Address(host, port)} can't be had: {error.strerror or error}") from error
        yield f"http://{Address(host, runner.addresses[0][1])}"
    finally:
        await runner.cleanup()


def _site(runner: web.AppRunner, host: str, port: int) -> web.BaseSite:
    if host != _ALL_IPV6:
        return web.TCPSite(runner, host, port)
    # asyncio would listen to IPv6 alone, and the page at 127.0.0.1 would not answer
    both = socket.has_dualstack_ipv6()
    return web.SockSite(runner, socket.create_server((host, port), family=socket.AF_INET6, dualstack_ipv6=both))


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether a logged error is a fault of this server, and not of what a client sent or of its connection."""
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, HttpProcessingError) or is_lost_connection(error))


def vital(metrics: ServiceMetrics, heartbeat: Path) -> None:
    """Bring up to date what every service says of its own health."""
    metrics.ready.set(unhealthy(heartbeat) is None)
    metrics.progress.set(heartbeat.stat().st_mtime if heartbeat.exists() else 0.0)


def _health(problem: Callable[[], str | None]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        reason = problem()
        return web.json_response({"status": reason or "ok", "at": time.time()}, status=503 if reason else 200)

    return answer
