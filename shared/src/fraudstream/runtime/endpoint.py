"""HTTP endpoints of a service: /metrics for Prometheus, /healthz and /readyz for health checks."""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from fraudstream.runtime.heartbeat import stalled, unhealthy
from fraudstream.runtime.http_guard import Guard
from fraudstream.runtime.http_server import Limits, served
from fraudstream.runtime.metrics import ServiceMetrics
from fraudstream.runtime.settings import MetricsSettings

_LINKED = re.compile("/metrics|/healthz|/readyz")
_LIMITS = Limits(total=100, of_one=50)


@asynccontextmanager
async def endpoint(settings: MetricsSettings, metrics: ServiceMetrics, heartbeat: Path) -> AsyncIterator[None]:
    """Serve within the block, if a port is set.

    Health is read from the loop's file `heartbeat`: live if the loop makes progress, ready if it can work as well.
    Raises SettingsError if the port can't be bound.
    """
    if settings.port is None:
        yield
        return

    async def export(_: web.Request) -> web.Response:
        _update_health(metrics, heartbeat)
        for update in metrics.on_scrape:
            update()
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.router.add_get("/metrics", export)
    application.router.add_get("/healthz", _health_handler(lambda: stalled(heartbeat)))
    application.router.add_get("/readyz", _health_handler(lambda: unhealthy(heartbeat)))
    guard = Guard(names=settings.names, variable="METRICS_HOSTS", linked=_LINKED)
    async with served(
        application, guard, _LIMITS, host=settings.host, port=settings.port, variable="METRICS_PORT"
    ) as address:
        log = structlog.get_logger()
        # an address from the settings is known, and in a container it is not one that a browser can open
        (log.debug if settings.port else log.info)("metrics", url=f"{address}/metrics")
        yield


def _update_health(metrics: ServiceMetrics, heartbeat: Path) -> None:
    """Update the health metrics of every service."""
    metrics.ready.set(unhealthy(heartbeat) is None)
    metrics.progress.set(heartbeat.stat().st_mtime if heartbeat.exists() else 0.0)


def _health_handler(problem: Callable[[], str | None]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        reason = problem()
        return web.json_response({"status": reason or "ok", "at": time.time()}, status=503 if reason else 200)

    return answer
