"""Limits of a server for each client."""

import pytest

from fraudstream.runtime.http_server import client_of


@pytest.mark.parametrize(
    ("remote", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        (None, ""),
        ("/run/socket", ""),
    ],
)
def test_addresses_of_one_client(remote: str | None, client: str) -> None:
    """All addresses of an IPv6 /64 are one client, since its owner has 2^64 of them."""
    assert client_of(remote) == client
