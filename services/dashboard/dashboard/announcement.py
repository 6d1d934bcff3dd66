"""The log line with the page's address, the last one of a start: it is written when a scorer is ready."""

import asyncio

import structlog

from dashboard.replicas import Replicas

_CHECK_EVERY_S = 0.2
_MOST_CHECKS = 600


async def announce(address: str, replicas: Replicas, *, waits: bool) -> None:
    """Log the address that a browser can open; if `waits`, when a scorer is ready, or else after two minutes."""
    for _ in range(_MOST_CHECKS if waits else 0):
        if replicas.scorer_ready:
            break
        await asyncio.sleep(_CHECK_EVERY_S)
    structlog.get_logger().info("dashboard ready", url=_openable(address))


def _openable(address: str) -> str:
    """Replace the wildcard address that a container listens on by the host's loopback address."""
    return address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//127.0.0.1:")
