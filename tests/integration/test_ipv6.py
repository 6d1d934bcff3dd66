"""IPv6 in every setting with an address: Kafka, the address of a service, and the page's metrics targets."""

import asyncio
import socket
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from dashboard import scrape
from dashboard.replicas import Replicas
from dashboard.scrape import Scraper
from fraudstream.runtime.addresses import Address
from fraudstream.runtime.endpoint import endpoint
from fraudstream.runtime.metrics import ArchiverMetrics
from fraudstream.runtime.settings import MetricsSettings
from tests.conftest import MakeCluster, Names
from tests.integration.broker.deadline import wait_until
from tests.integration.broker.ports import Port
from tests.integration.dashboard import Dashboard, snapshot
from tests.integration.scorer import Surroundings
from tests.missing import skip


@pytest.fixture(autouse=True)
def ipv6() -> None:
    """Skip without IPv6 on this machine; in CI, fail."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return
    except OSError as error:
        skip(f"needs IPv6 on the loopback device: {error}")


def test_kafka_page_and_metrics_by_ipv6(make_cluster: MakeCluster, names: Names, tmp_path: Path) -> None:
    """A broker, an archiver's metrics and the page work at ::1; `::` answers at IPv4 addresses too."""
    port = Port.reserve()
    cluster = make_cluster(
        listeners={"SIX": port.number},
        host="[::1]",
        properties={"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SIX:PLAINTEXT"},
    )
    surroundings = Surroundings(cluster.bootstrap, names, tmp_path).prepare()
    surroundings.settings["KAFKA_BOOTSTRAP_SERVERS"] = f"[::1]:{port.number}"
    with surroundings.service("archiver", METRICS_PORT="0", METRICS_HOST="::1") as archiver:
        archiver.wait_until_ready()
        assert archiver.lines("metrics")[0]["url"].startswith("http://[::1]:")
        with Dashboard(surroundings, [archiver], DASHBOARD_HOST="::") as dashboard:
            six = dashboard.url.replace("127.0.0.1", "[::1]")
            wait_until(
                lambda: [one["state"] for one in snapshot(six)["replicas"]] == ["ready"], 60, "the archiver is shown"
            )
            for url in (dashboard.url, six):
                wait_until(lambda: snapshot(url)["kafka"]["state"] == "reading", 60, "the page reads")  # noqa: B023
    port.release()


def test_a_port_that_is_taken_is_named(names: Names, tmp_path: Path) -> None:
    """A port in use is named as [::1]:port, with the variable."""
    surroundings = Surroundings("127.0.0.1:1", names, tmp_path)
    with Dashboard(surroundings, DASHBOARD_HOST="[::1]") as first:
        port = first.url.rpartition(":")[2]
        with surroundings.service("dashboard", DASHBOARD_HOST="::1", DASHBOARD_PORT=port) as second:
            assert f"DASHBOARD_PORT: [::1]:{port}" in second.wait_for_failure()


@pytest.mark.parametrize(("host", "asked"), [("::", "127.0.0.1"), ("::1", "[::1]")])
def test_a_name_with_addresses_of_both_families_is_one_replica(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: str, asked: str
) -> None:
    """One family is used, the other only if it does not answer: a replica's counts are never doubled."""

    async def both(_: object, __: str, port: int, **___: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
        ]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", both)
    monkeypatch.setattr(scrape, "_ANSWER_S", 60.0)
    port, replicas = Port.reserve(), Replicas()
    settings = MetricsSettings.from_env({"METRICS_HOST": host, "METRICS_PORT": str(port.number)})

    async def asked_once() -> None:
        async with endpoint(settings, ArchiverMetrics(), tmp_path / "heartbeat"):
            done = asyncio.Event()
            scraper = Scraper([Address("localhost", port.number)], replicas, done.set)
            running = asyncio.ensure_future(scraper.run())
            await asyncio.wait_for(done.wait(), 60)
            running.cancel()

    asyncio.run(asked_once())
    port.release()
    assert [one["name"] for one in replicas.shown()] == [f"archiver {asked}:{port.number}"]


def test_the_page_at_ipv6_alone(names: Names, tmp_path: Path) -> None:
    """::1 does not answer at 127.0.0.1."""
    with Dashboard(Surroundings("127.0.0.1:1", names, tmp_path), DASHBOARD_HOST="::1") as dashboard:
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(dashboard.url, timeout=60)  # noqa: S310 - our own http URL
        assert snapshot(dashboard.url.replace("127.0.0.1", "[::1]"))["kafka"]["state"] == "connecting"
        assert dashboard.service.wait_for("dashboard ready")[0]["url"].startswith("http://[::1]:")
