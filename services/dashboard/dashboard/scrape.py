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

from dashboard.exposition import Reading, reading, status_of
from dashboard.replicas import Answer, Replicas
from fraudstream.runtime.addresses import Address

_EVERY_S = 2.0
_ANSWER_S = 1.5
_MOST_BYTES = 1_000_000
_PARSED_AT_ONCE_BYTES = 64 << 10
"""A larger answer takes up to 0.5 s to parse: a thread does it, while the page continues."""
_STATUSES = {"/metrics": (200,), "/readyz": (200, 503)}


class Scraper:
    """Asks every 2 s, until cancelled; `measured` is called after each round."""

    def __init__(self, targets: Sequence[Address], replicas: Replicas, measured: Callable[[], object]) -> None:
        self._targets = targets
        self._replicas = replicas
        self._measured = measured

    async def run(self) -> None:
        """Ask, again and again."""
        async with aiohttp.ClientSession(
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity"},
        ) as session:
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
            async with asyncio.timeout(_ANSWER_S):
                found = await _reading(await _body(session, address, "/metrics"))
                status = "" if found.ready else status_of(await _body(session, address, "/readyz"))
        except (TimeoutError, ValueError) as error:
            structlog.get_logger().debug("no metrics", address=str(address), reason=str(error) or "too late")
            return Answer(name, None, "does not answer")
        return Answer(name, found, status)


async def _body(session: aiohttp.ClientSession, address: Address, path: str) -> bytes:
    """Return the body that is answered there. ValueError if none comes, or one that no service of ours sends."""
    try:
        async with session.get(f"http://{address}{path}", allow_redirects=False) as response:
            return await _checked(response, path)
    except Exception as error:  # a client that is not ours: it raises more than ClientError for what servers send
        raise ValueError(f"{path}: {type(error).__name__}") from error


async def _checked(response: aiohttp.ClientResponse, path: str) -> bytes:
    if response.status not in _STATUSES[path] or "Content-Encoding" in response.headers:
        raise ValueError(f"status {response.status}, or a coded body")
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > _MOST_BYTES:
            raise ValueError(f"more than {_MOST_BYTES} bytes")
    return bytes(body)


async def _reading(body: bytes) -> Reading:
    text = body.decode()
    return reading(text) if len(body) <= _PARSED_AT_ONCE_BYTES else await asyncio.to_thread(reading, text)


async def _name(address: str) -> str:
    """What the network calls it now, as `fraud-scorer-1`; nothing for this machine itself. Addresses change hands."""
    if ipaddress.ip_address(address).is_loopback:
        return ""
    try:
        async with asyncio.timeout(_ANSWER_S):
            name, _ = await asyncio.get_running_loop().getnameinfo((address, 0), socket.NI_NAMEREQD)
    except (OSError, TimeoutError, UnicodeError):
        return address
    return name.partition(".")[0]


async def _families(target: Address) -> list[list[Address]]:
    """Every address that the name has now, by family; none while there is no such service."""
    try:
        async with asyncio.timeout(_ANSWER_S):
            found = await asyncio.get_running_loop().getaddrinfo(*target, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):
        return []
    families = dict[int, set[Address]]()
    for family, *_, address in found:
        families.setdefault(family, set()).add(Address(str(address[0]), target.port))
    return [sorted(addresses) for addresses in families.values()]
