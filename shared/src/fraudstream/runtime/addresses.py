"""Addresses in settings: one way to read `host:port`, and to write it. Pure."""

import ipaddress
import re
from typing import NamedTuple

_HIGHEST_PORT = 65_535
_FORM = re.compile(r"(?:\[(?P<bracketed>[^\[\]]*)\]|(?P<name>[^\s\[\]:/,]+))(?::(?P<port>\d{1,5}))?")


class Address(NamedTuple):
    """A host, by name or IP address without brackets, and a port; None: the default of whatever is reached there."""

    host: str
    port: int | None

    def __str__(self) -> str:
        """As settings and URLs have it: an IPv6 address is in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


def addresses(text: str, *, needs_port: bool) -> tuple[Address, ...]:
    """Read addresses separated by commas; none where the text is blank. Raises ValueError naming the wrong one."""
    return tuple(_address(part.strip(), needs_port=needs_port) for part in text.split(",")) if text.strip() else ()


def host(text: str) -> str:
    """Read a host alone: a name or an IP address, an IPv6 address with or without brackets. Raises ValueError."""
    stripped = text.strip()
    if _is_ipv6(stripped):
        return stripped
    if _FORM.fullmatch(stripped) is None:
        raise ValueError(f"{stripped.rpartition('@')[2]!r} is not a host: write a name or an IP address alone")
    found = _address(stripped, needs_port=False)
    if found.port is not None:
        raise ValueError(f"{str(found)!r} has a port, which is a setting of its own")
    return found.host


def host_names(text: str) -> frozenset[str]:
    """Read hosts separated by commas, in lower case. Raises ValueError naming the wrong one."""
    names = frozenset(host(part).lower() for part in text.split(",") if part.strip())
    for name in names:
        if "*" in name:
            raise ValueError(f"{name!r} is not a host name: list every name")
    return names


def _address(text: str, *, needs_port: bool) -> Address:
    shown = repr(text.rpartition("@")[2])  # what is before an @ may be a password
    if _is_ipv6(text):
        raise ValueError(f"{shown}: an IPv6 address is written in brackets, as [2001:db8::1]:9092")
    found = _FORM.fullmatch(text)
    if found is None or (needs_port and found["port"] is None):
        raise ValueError(f"{shown} is not host:port, as example.com:9092, 192.0.2.1:9092 or [2001:db8::1]:9092")
    if found["bracketed"] is not None and not _is_ipv6(found["bracketed"]):
        raise ValueError(f"{shown}: only an IPv6 address is written in brackets, as [2001:db8::1]:9092")
    port = None if found["port"] is None else int(found["port"])
    if port is not None and port > _HIGHEST_PORT:
        raise ValueError(f"{shown}: a port is at most {_HIGHEST_PORT}")
    return Address(found["bracketed"] or found["name"], port)


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
