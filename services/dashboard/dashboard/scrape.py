"""Scraper of the metrics of all replicas: all addresses of a name are replicas of one service.

If a name has IPv4 and IPv6 addresses, they are the same replicas: one family is scraped, the other only if no address
of the first answers.
"""

import asyncio
import ipaddress
import socket
import time
from collections.abc import Callable, Sequence

import aiohttp
import structlog

from dashboard.exposition import Reading, reading, status_of
from dashboard.replicas import Answer, Replicas
from fraudstream.runtime.addresses import Address

_EVERY_S = 2.0
_ANSWER_S = 1.5
_MOST_BYTES = 1_000_000
_PARSED_INLINE_BYTES = 64 << 10
"""A larger answer takes up to 0.5 s to parse: it is parsed in a thread, without blocking the page."""
_STATUSES = {"/metrics": (200,), "/readyz": (200, 503)}


class Scraper:
    """Scrapes every 2 s, until cancelled; calls `measured` after each round."""

    def __init__(self, targets: Sequence[Address], replicas: Replicas, measured: Callable[[], object]) -> None:
        self._targets = targets
        self._replicas = replicas
        self._measured = measured

    async def run(self) -> None:
        """Scrape all targets every 2 s."""
        async with aiohttp.ClientSession(
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity"},
        ) as session:
            while True:
                began_s = time.monotonic()
                await asyncio.gather(*(self._scrape_target(session, target) for target in self._targets))
                self._measured()
                await asyncio.sleep(max(0.1, _EVERY_S - (time.monotonic() - began_s)))

    async def _scrape_target(self, session: aiohttp.ClientSession, target: Address) -> None:
        answers = dict[str, Answer]()
        for family in await _families(target):
            found = await asyncio.gather(*(self._scrape(session, address) for address in family))
            answers |= zip(map(str, family), found, strict=True)
            if any(answer.reading for answer in found):
                break
        self._replicas.update(str(target), answers, time.time())

    async def _scrape(self, session: aiohttp.ClientSession, address: Address) -> Answer:
        name = await _name(address.host)
        try:
            async with asyncio.timeout(_ANSWER_S):
                found = await _reading(await _body(session, address, "/metrics"))
                status = "" if found.ready else status_of(await _body(session, address, "/readyz"))
        except (TimeoutError, ValueError) as error:
            structlog.get_logger().debug("no metrics", address=str(address), reason=str(error) or "timeout")
            return Answer(name, None, "not answering")
        return Answer(name, found, status)


async def _body(session: aiohttp.ClientSession, address: Address, path: str) -> bytes:
    """Return the body of the answer. Raises ValueError without an answer, or if it can't be from our services."""
    try:
        async with session.get(f"http://{address}{path}", allow_redirects=False) as response:
            return await _checked(response, path)
    except Exception as error:  # third-party client: some answers raise other errors than ClientError
        raise ValueError(f"{path}: {type(error).__name__}") from error


async def _checked(response: aiohttp.ClientResponse, path: str) -> bytes:
    if response.status not in _STATUSES[path] or "Content-Encoding" in response.headers:
        raise ValueError(f"status {response.status}, or an encoded body")
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > _MOST_BYTES:
            raise ValueError(f"more than {_MOST_BYTES} bytes")
    return bytes(body)


async def _reading(body: bytes) -> Reading:
    text = body.decode()
    return reading(text) if len(body) <= _PARSED_INLINE_BYTES else await asyncio.to_thread(reading, text)


async def _name(address: str) -> str:
    """Return the current host name, such as `fraud-scorer-1`, or "" for loopback; not cached: addresses are reused."""
    if ipaddress.ip_address(address).is_loopback:
        return ""
    try:
        async with asyncio.timeout(_ANSWER_S):
            name, _ = await asyncio.get_running_loop().getnameinfo((address, 0), socket.NI_NAMEREQD)
    except (OSError, TimeoutError, UnicodeError):
        return address
    return name.partition(".")[0]


async def _families(target: Address) -> list[list[Address]]:
    """Return the addresses that the name resolves to, by family; empty if it does not resolve."""
    try:
        async with asyncio.timeout(_ANSWER_S):
            found = await asyncio.get_running_loop().getaddrinfo(*target, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):
        return []
    families = dict[int, set[Address]]()
    for family, *_, address in found:
        families.setdefault(family, set()).add(Address(str(address[0]), target.port))
    return [sorted(addresses) for addresses in families.values()]
