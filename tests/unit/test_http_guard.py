"""Requests accepted or refused by their Host, Origin and Sec-Fetch headers."""

import re

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from fraudstream.runtime.addresses import host_names
from fraudstream.runtime.http_guard import Guard

GUARD = Guard(
    names=host_names("fraud.example.com, scorer"), variable="DASHBOARD_HOSTS", linked=re.compile(r"/(?:.*/)?")
)
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def status(*headers: tuple[str, str], path: str = "/events") -> int:
    """Return the status of that request; 200 if it is not refused."""
    refusal = GUARD.refusal(make_mocked_request("GET", path, CIMultiDict(headers)))
    return refusal.status if refusal else 200


HOSTS = {
    "127.0.0.1": 200,
    "127.0.0.1:8080": 200,
    "localhost:8080": 200,
    "LocalHost": 200,
    "[::1]:8080": 200,
    "192.0.2.7:9400": 200,
    "[2001:db8::1]": 200,
    "fraud.example.com": 200,
    "FRAUD.example.com:443": 200,
    "scorer:9400": 200,
    "evil.example": 421,
    "evil.fraud.example.com": 421,
    "fraud.example.com.": 421,
    "localhost.evil.example": 421,
    "127.0.0.1.evil.example": 421,
    "127.0.0.1.nip.io:8080": 421,
    "producer": 421,
    "0x7f.1": 421,
    "2130706433": 421,
    "user@localhost": 421,
    "": 400,
    "localhost:": 400,
    "localhost,evil.example": 400,
    "localhost evil.example": 400,
    "::1": 400,
    "[evil.example]": 400,
    "http://localhost": 400,
}


@pytest.mark.parametrize(("host", "expected"), HOSTS.items())
def test_hosts(host: str, expected: int) -> None:
    """Addresses and listed names are accepted, similar ones are not."""
    assert status(("Host", host)) == expected


def test_one_host_and_a_path() -> None:
    """A request needs exactly one Host, and no other address in the request line."""
    assert status() == 400
    assert status(("Host", "localhost"), ("Host", "localhost")) == 400
    assert status(("Host", "localhost"), path="http://localhost/events") == 400


ORIGINS = {
    "http://localhost:8080": 200,
    "https://LOCALHOST:8080": 200,
    "https://fraud.example.com": 200,  # behind a proxy that changes Host
    "http://localhost": 403,
    "http://localhost:3000": 403,
    "http://127.0.0.1:8080": 403,
    "http://evil.example": 403,
    "http://evil.example:8080": 403,
    "http://localhost:8080.evil.example": 403,
    "null": 403,
    "": 403,
    "localhost:8080": 403,
}


@pytest.mark.parametrize(("origin", "expected"), ORIGINS.items())
def test_origins(origin: str, expected: int) -> None:
    """An Origin equals Host, or is a listed name."""
    assert status(("Host", "localhost:8080"), ("Origin", origin)) == expected
    assert status(("Host", "localhost:8080"), ("Origin", "http://localhost:8080"), ("Origin", origin)) == expected


@pytest.mark.parametrize(
    ("fetched", "path", "expected"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, "/events", 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://proxy.example"}, "/static/1/app.js", 200),
        ({"Sec-Fetch-Site": "none"}, "/", 200),
        ({"Sec-Fetch-Site": "none", "Origin": "http://evil.example"}, "/", 403),
        ({"Sec-Fetch-Site": "cross-site"}, "/events", 403),
        ({"Sec-Fetch-Site": "same-site"}, "/events", 403),  # another port of this machine
        ({"Sec-Fetch-Site": "anything"}, "/", 403),
        (LINK, "/", 200),
        (LINK, "/fraud/?a=b", 200),
        (LINK, "/events", 403),
        (LINK, "/api/payments/1", 403),
        (LINK | {"Sec-Fetch-Site": "same-site"}, "/", 200),
        (LINK | {"Sec-Fetch-Dest": "iframe"}, "/", 403),
        (LINK | {"Sec-Fetch-Mode": "no-cors"}, "/", 403),
        (LINK | {"Origin": "http://evil.example"}, "/", 403),
    ],
)
def test_sec_fetch_headers(fetched: dict[str, str], path: str, expected: int) -> None:
    """From another site, only a link to the page itself, opened in a tab, is accepted."""
    assert status(("Host", "localhost"), *fetched.items(), path=path) == expected


def test_a_refusal_names_the_setting() -> None:
    """The message has the escaped name and the setting."""
    refusal = GUARD.refusal(make_mocked_request("GET", "/", CIMultiDict({"Host": "\x1bevil\u202e.example"})))
    assert refusal is not None
    assert "DASHBOARD_HOSTS" in refusal.text
    assert refusal.text.isprintable()
    assert refusal.text.isascii()


@given(st.text(alphabet="evil.EX@,-%/:[]\x00é", max_size=60))
def test_no_other_text_is_a_name_of_ours(text: str) -> None:
    """Any other text is refused, as Host or as Origin."""
    is_address = text.startswith(("[::", "[e", "[E"))  # as [e::]
    assert is_address or status(("Host", text)) in {400, 421}
    assert status(("Host", "localhost"), ("Origin", text)) == 403
