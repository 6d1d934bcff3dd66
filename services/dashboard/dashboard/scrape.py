"""Asks every replica of every service for its metrics: all addresses that a name has are replicas of one service."""

import asyncio
import ipaddress
import socket
import time
from collections.abc import Callable, Sequence

import aiohttp
import structlog

from dashboard.exposition import reading
from dashboard.replicas import Answer, Replicas

_EVERY_S = 2.0
_ANSWER_S = 1.5

Target = tuple[str, int]


class Scraper:
    """Asks every 2 s, until cancelled; `measured` is called after each round."""

    def __init__(self, targets: Sequence[Target], replicas: Replicas, measured: Callable[[], object]) -> None:
        self._targets = targets
        self._replicas = replicas
        self._measured = measured

    async def run(self) -> None:
        """Ask, again and again."""
        timeout = aiohttp.ClientTimeout(total=_ANSWER_S)
        async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:
            while True:
                began_s = time.monotonic()
                await asyncio.gather(*(self._ask_all(session, target) for target in self._targets))
                self._measured()
                await asyncio.sleep(max(0.1, _EVERY_S - (time.monotonic() - began_s)))

    async def _ask_all(self, session: aiohttp.ClientSession, target: Target) -> None:
        host, port = target
        addresses = await _addresses(host, port)
        answers = await asyncio.gather(*(self._ask(session, address, port) for address in addresses))
        keys = [f"{address}:{port}" for address in addresses]
        self._replicas.update(f"{host}:{port}", dict(zip(keys, answers, strict=True)), time.time())

    async def _ask(self, session: aiohttp.ClientSession, address: str, port: int) -> Answer:
        name = await _name(address)
        base = f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
        try:
            async with session.get(f"{base}/metrics") as response:
                found = reading(await response.text())
            reason = ""
            if not found.ready:
                async with session.get(f"{base}/readyz") as response:
                    reason = str((await response.json()).get("status", ""))
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
            structlog.get_logger().debug("no metrics", address=address, reason=repr(error))
            return Answer(name, None, "does not answer")
        return Answer(name, found, reason)


async def _name(address: str) -> str:
    """What the network calls it now, as `fraud-scorer-1`; nothing for this machine itself. Addresses change hands."""
    if ipaddress.ip_address(address).is_loopback:
        return ""
    try:
        async with asyncio.timeout(_ANSWER_S):
            name, _ = await asyncio.get_running_loop().getnameinfo((address, 0), socket.NI_NAMEREQD)
    except (OSError, TimeoutError):
        return address
    return name.partition(".")[0]


async def _addresses(host: str, port: int) -> list[str]:
    """Every address that the name has now; none while there is no such service."""
    try:
        async with asyncio.timeout(_ANSWER_S):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError):
        return []
    return sorted({str(address[0]) for *_, address in found})
