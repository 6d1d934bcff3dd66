"""Asks every replica of every service for its metrics: all addresses that a name has are replicas of one service.

A name that has addresses of both families, IPv4 and IPv6, has each replica twice: one family is asked, the other where
none of that answers.
"""

import asyncio
import ipaddress
import socket
import time
from collections.abc import Callable, Sequence

import aiohttp
import structlog

from dashboard.exposition import reading
from dashboard.replicas import Answer, Replicas
from fraudstream.addresses import Address

_EVERY_S = 2.0
_ANSWER_S = 1.5


class Scraper:
    """Asks every 2 s, until cancelled; `measured` is called after each round."""

    def __init__(self, targets: Sequence[Address], replicas: Replicas, measured: Callable[[], object]) -> None:
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

    async def _ask_all(self, session: aiohttp.ClientSession, target: Address) -> None:
        answers = dict[str, Answer]()
        for family in await _families(target):
            found = await asyncio.gather(*(self._ask(session, address) for address in family))
            answers |= zip(map(str, family), found, strict=True)
            if any(answer.reading for answer in found):
                break
        self._replicas.update(str(target), answers, time.time())

    async def _ask(self, session: aiohttp.ClientSession, address: Address) -> Answer:
        name = await _name(address.host)
        try:
            async with session.get(f"http://{address}/metrics") as response:
                found = reading(await response.text())
            reason = ""
            if not found.ready:
                async with session.get(f"http://{address}/readyz") as response:
                    reason = str((await response.json()).get("status", ""))
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
            structlog.get_logger().debug("no metrics", address=str(address), reason=repr(error))
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


async def _families(target: Address) -> list[list[Address]]:
    """Every address that the name has now, by family; none while there is no such service."""
    try:
        async with asyncio.timeout(_ANSWER_S):
            found = await asyncio.get_running_loop().getaddrinfo(*target, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError):
        return []
    families = dict[int, set[Address]]()
    for family, *_, address in found:
        families.setdefault(family, set()).add(Address(str(address[0]), target.port))
    return [sorted(addresses) for addresses in families.values()]
