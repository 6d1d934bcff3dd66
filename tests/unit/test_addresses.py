"""Host and port in settings: names, IPv4, IPv6; an error names any other text."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudstream.errors import SettingsError
from fraudstream.runtime.addresses import Address, addresses, host
from fraudstream.runtime.settings import DashboardSettings, KafkaSettings, MetricsSettings

HOSTS = st.one_of(
    st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True),
    st.ip_addresses().map(str),
)


@given(st.lists(st.builds(Address, HOSTS, st.integers(0, 65_535)), min_size=1), st.sampled_from([",", " , ", ",\t"]))
def test_written_addresses_are_read_back(written: list[Address], comma: str) -> None:
    """Any number of addresses of any kind is read back as written."""
    assert list(addresses(comma.join(map(str, written)), needs_port=True)) == written


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Any text is parsed or raises ValueError; a parsed address has a host, and an IPv6 address only from brackets."""
    try:
        found = addresses(text, needs_port=False)
    except ValueError:
        return
    for address in found:
        assert address.host
        if ":" in address.host:
            assert f"[{address.host}]" in text
            ipaddress.IPv6Address(address.host)


@pytest.mark.parametrize(
    "text",
    ["::1", "::1:9400", "[::1", "[scorer]:9400", "scorer", "[::1]", "a:99999", "a:x", "a,,b", "http://a:1", "a:1 b:2"],
)
def test_a_wrong_target_is_named(text: str) -> None:
    """The error names the variable and the expected form."""
    with pytest.raises(SettingsError, match=r"^METRICS_TARGETS: '.*(host:port|brackets|at most 65535)"):
        DashboardSettings.from_env({"METRICS_TARGETS": text})


def test_a_password_in_an_address_is_not_shown() -> None:
    """The error shows no password, as in a URL given instead of an address."""
    with pytest.raises(SettingsError, match=r"^KAFKA_BOOTSTRAP_SERVERS: 'broker:9092' is not host:port") as error:
        KafkaSettings.from_env({"KAFKA_BOOTSTRAP_SERVERS": "kafka://alice:secret@broker:9092"})
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("::", "::"),
        ("[::]", "::"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("192.0.2.1", "192.0.2.1"),
        ("localhost", "localhost"),
    ],
)
def test_a_host_with_or_without_brackets(text: str, wanted: str) -> None:
    """Both variables that name a host accept it with or without brackets."""
    assert host(text) == wanted
    assert DashboardSettings.from_env({"DASHBOARD_HOST": text}).host == wanted
    assert MetricsSettings.from_env({"METRICS_HOST": text}).host == wanted


@pytest.mark.parametrize("text", ["127.0.0.1:8080", "[::1]:8080", "a b", " ", "[a]"])
def test_an_invalid_host(text: str) -> None:
    """The error names the variable."""
    with pytest.raises(SettingsError, match=r"^DASHBOARD_HOST: "):
        DashboardSettings.from_env({"DASHBOARD_HOST": text})


@pytest.mark.parametrize("text", ["fraud.example.com,http://user:password@fraud.example.com", "a b", "*.example.com"])
def test_a_list_with_an_invalid_name(text: str) -> None:
    """The error names the wrong entry, without a password."""
    with pytest.raises(SettingsError, match=r"^DASHBOARD_HOSTS: '[^']+' is not a host") as error:
        DashboardSettings.from_env({"DASHBOARD_HOSTS": text})
    assert "password" not in str(error.value)
