"""Rules that refuse HTTP requests because of their headers, and the headers of every response.

The page and the metrics have no login: a browser that reaches them would read them for any web page that it has open.
Three headers, which pages can't forge, distinguish such requests from a visitor's own:

- `Host`: a page whose host name was pointed at this machine after it was loaded (DNS rebinding) sends that name. An
  IP address as `Host` can't be such a name, as it is not looked up in DNS; nor is `localhost`. All other names are
  refused unless a setting lists them, also names without a dot: a LAN's name service may resolve them.
- `Origin`, and `Sec-Fetch-Site` if the browser sends it: requests by pages of another site or port are refused.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from fraudstream.runtime.addresses import Address, addresses

HEADERS: Mapping[str, str] = {
    "Server": "fraudstream",
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
    ),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers of a response that does not set its own."""

_SHOWN_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Refusal:
    """HTTP status of a refused request, and the message for the user."""

    status: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One server's rules; `names` are its host names besides `localhost`, from the setting `variable`."""

    names: frozenset[str]
    variable: str
    linked: re.Pattern[str]
    """Paths that a visitor may open by a link on another site: that site can't read the response."""

    def refusal(self, request: web.BaseRequest) -> Refusal | None:
        """Return why the request is refused; None if it is not."""
        hosts = request.headers.getall("Host", [])
        host = _parse_host(hosts[0]) if len(hosts) == 1 else None
        if host is None or not request.raw_path.startswith("/"):
            return Refusal(400, "A request must have one Host header, and a path that begins with /.")
        if "Expect" in request.headers:
            return Refusal(417, "Expect is not supported: send the request without it.")
        if not self._is_own(host.host):
            return Refusal(
                421,
                f"{_shown(host.host)} is not a name of this server. Open it by IP address or as localhost, "
                f"or add the name to its setting {self.variable} (separated by commas).",
            )
        if self._is_foreign(hosts[0], request) and not self._is_link(request):
            return Refusal(
                403,
                "Pages of other sites may not request this. If that page is this server's, behind a proxy, "
                f"add the proxy's name to the setting {self.variable} (separated by commas).",
            )
        return None

    def _is_own(self, host: str) -> bool:
        return host == "localhost" or host in self.names or _is_ip(host)

    def _is_foreign(self, host: str, request: web.BaseRequest) -> bool:
        site = request.headers.get("Sec-Fetch-Site", "none")
        if site == "same-origin":  # Chromium sends Origin with modules too, and a proxy may have changed Host
            return False
        return site != "none" or any(not self._is_same(origin, host) for origin in request.headers.getall("Origin", []))

    def _is_same(self, origin: str, host: str) -> bool:
        """Return whether `origin` is this server; behind a proxy that changes Host, `names` has the proxy's name."""
        authority = origin.partition("://")[2].lower()
        address = _parse_host(authority)
        return address is not None and (authority == host.lower() or address.host in self.names)

    def _is_link(self, request: web.BaseRequest) -> bool:
        headers = request.headers
        is_tab = headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest") == "document"
        return is_tab and "Origin" not in headers and self.linked.fullmatch(request.path) is not None


def _parse_host(text: str) -> Address | None:
    try:
        parsed = addresses(text.lower(), needs_port=False)
    except ValueError:
        return None
    return parsed[0] if len(parsed) == 1 else None


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _shown(text: str) -> str:
    return ascii(text[:_SHOWN_CHARACTERS])
