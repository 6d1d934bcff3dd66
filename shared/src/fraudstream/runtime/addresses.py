"""Addresses in settings: parsing and formatting of `host:port`. Pure."""

import ipaddress
import re
from typing import Annotated, NamedTuple

from pydantic import AfterValidator

_HIGHEST_PORT = 65_535
_FORM = re.compile(r"(?:\[(?P<bracketed>[^\[\]]*)\]|(?P<name>[^\s\[\]:/,]+))(?::(?P<port>\d{1,5}))?")


class Address(NamedTuple):
    """A host, by name or IP address without brackets, and a port; None: the default port of the service."""

    host: str
    port: int | None

    def __str__(self) -> str:
        """Return the address as written in settings and URLs: an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


def addresses(text: str, *, needs_port: bool) -> tuple[Address, ...]:
    """Parse addresses separated by commas; none if the text is blank. Raises ValueError naming the invalid one."""
    return (
        tuple(_parse_address(part.strip(), needs_port=needs_port) for part in text.split(",")) if text.strip() else ()
    )


def host(text: str) -> str:
    """Parse a host without a port: a name or an IP address, IPv6 with or without brackets. Raises ValueError."""
    stripped = text.strip()
    if _is_ipv6(stripped):
        return stripped
    if _FORM.fullmatch(stripped) is None:
        raise ValueError(f"{stripped.rpartition('@')[2]!r} is not a host: write only a name or an IP address")
    address = _parse_address(stripped, needs_port=False)
    if address.port is not None:
        raise ValueError(f"{str(address)!r} has a port, which is a separate setting")
    return address.host


def host_names(text: str) -> frozenset[str]:
    """Parse hosts separated by commas, in lower case. Raises ValueError naming the invalid one."""
    names = frozenset(host(part).lower() for part in text.split(",") if part.strip())
    for name in names:
        if "*" in name:
            raise ValueError(f"{name!r} is not a host name: list every name")
    return names


def _parse_address(text: str, *, needs_port: bool) -> Address:
    shown = repr(text.rpartition("@")[2])  # text before an @ may be a password
    if _is_ipv6(text):
        raise ValueError(f"{shown}: an IPv6 address is written in brackets, such as [2001:db8::1]:9092")
    match = _FORM.fullmatch(text)
    if match is None or (needs_port and match["port"] is None):
        raise ValueError(f"{shown} is not host:port, such as example.com:9092, 192.0.2.1:9092 or [2001:db8::1]:9092")
    if match["bracketed"] is not None and not _is_ipv6(match["bracketed"]):
        raise ValueError(f"{shown}: only an IPv6 address is written in brackets, such as [2001:db8::1]:9092")
    port = None if match["port"] is None else int(match["port"])
    if port is not None and port > _HIGHEST_PORT:
        raise ValueError(f"{shown}: a port is at most {_HIGHEST_PORT}")
    return Address(match["bracketed"] or match["name"], port)


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _check_host_names(text: str) -> str:
    host_names(text)
    return text


Host = Annotated[str, AfterValidator(host)]
HostNames = Annotated[str, AfterValidator(_check_host_names)]
