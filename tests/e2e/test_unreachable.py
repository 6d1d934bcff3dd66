"""Network reach of the containers, tried by address and by name; after the stream's and the tables' tests."""

import json
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.e2e.compose import POSTGRES_URL, Stack, bridge_address
from tests.integration.broker.deadline import wait_until
from tests.networks import internal, memberships

LISTENING = {"zookeeper": 2181, "kafka": 9092, "postgres": 5432, "scorer": 9400, "dashboard": 9400, "prometheus": 9090}
PYTHON = ("scorer", "producer", "archiver", "dashboard")
PROBE = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor

def reached(place):
    try:
        socket.create_connection(place, 3).close()
    except OSError:
        return False
    return True

places = json.loads(sys.argv[1])
with ThreadPoolExecutor(64) as pool:
    print(json.dumps([place for place, yes in zip(places, pool.map(reached, places)) if yes]))
"""
PROFILES = ("--profile", "postgres", "--profile", "monitoring")
ROLE, PASSWORD = "fraudstream", "fraudstream"
OWNERS = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"


@pytest.fixture(scope="module")
def everything(stack: Stack) -> Stack:
    """Start each service of both profiles, with the archive in Postgres."""
    services = ("producer", "archiver", "dashboard", "prometheus", "postgres")
    one = ("--scale", "scorer=1")
    stack.compose(*PROFILES, "up", "--detach", "--wait", *one, *services, timeout_s=300, DATABASE_URL=POSTGRES_URL)
    wait_until(
        lambda: ("prometheus", 9090) in _reached(stack, "dashboard", *LISTENING.items()), 60, "Prometheus listens"
    )
    wait_until(lambda: stack.psql(OWNERS, ROLE) != "", 60, "the archiver has created its tables")
    return stack


@pytest.fixture
def listener() -> Iterator[tuple[str, int]]:
    """Listen on a port of this host, at its address in a network outside of the stack."""
    address = bridge_address()
    with socket.create_server((address, 0)) as server:
        yield address, server.getsockname()[1]


@pytest.mark.parametrize("source", PYTHON)
def test_only_shared_networks_connect(everything: Stack, source: str) -> None:
    """Of every address of every service, those in a network of the source answer, and no others."""
    table, addresses = memberships(_model(everything)), _addresses(everything)
    places = {(address, LISTENING[name]): (name, network) for (name, network), address in addresses.items()}
    reached = {places[place] for place in _reached(everything, source, *places)}
    assert reached == {(name, network) for name, network in addresses if network in table[source]}


@pytest.mark.parametrize("source", PYTHON)
def test_names_of_other_networks_are_unknown(everything: Stack, source: str) -> None:
    """A service in no common network can't be resolved: a scorer can't look up zookeeper."""
    table = memberships(_model(everything))
    reached = {name for name, _ in _reached(everything, source, *LISTENING.items())}
    assert reached == {name for name in LISTENING if table[source] & table[name]}


@pytest.mark.parametrize(
    ("source", "open_"), [("scorer", False), ("producer", False), ("archiver", True), ("dashboard", True)]
)
def test_the_way_out(everything: Stack, source: str, open_: bool, listener: tuple[str, int]) -> None:
    """Scorer and producer reach nothing outside of Compose; an external database and external metrics are reached."""
    assert _reached(everything, source, listener) == ([listener] if open_ else [])


def test_the_trainer_has_no_network(everything: Stack) -> None:
    """The trainer has only a loopback device."""
    code = "import socket; print([name for _, name in socket.if_nameindex() if name != 'lo'])"
    assert everything.compose("run", "--rm", "-T", "--no-deps", "trainer", "python", "-c", code).strip() == "[]"


def test_cli_reaches_kafka_only(everything: Stack, listener: tuple[str, int]) -> None:
    """The CLI reaches no service but Kafka and the clients in Kafka's network."""
    command = ("run", "--rm", "-T", "--no-deps", "--entrypoint", "python", "cli", "-c", PROBE)
    found = everything.compose(*command, json.dumps([*LISTENING.items(), listener]))
    reached = json.loads(found.splitlines()[-1])  # Compose may build the image before
    assert {name for name, _ in reached} == {"kafka", "scorer", "dashboard"}  # all clients share its network


def test_ports_of_the_host(everything: Stack) -> None:
    """Ports are published on 127.0.0.1 only, and Postgres' port is not published."""
    assert _published(everything) == {"kafka", "dashboard", "prometheus"}


def test_the_archivers_role_is_an_ordinary_one(everything: Stack) -> None:
    """The role owns its database and has no other right; the superuser has no password."""
    attributes = "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls FROM pg_roles"
    assert everything.psql(f"{attributes} WHERE rolname = current_user", ROLE) == "f"
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    assert everything.psql(owner, ROLE) == everything.psql(OWNERS, ROLE) == ROLE
    assert everything.psql("SELECT COUNT(*) FROM pg_authid WHERE rolsuper AND rolpassword IS NOT NULL") == "0"


def test_postgres_port_on_demand(everything: Stack) -> None:
    """With the second file the archiver's role logs in from the host; the superuser is refused with any password."""
    everything.settings = {"COMPOSE_FILE": "docker-compose.yml:docker-compose.postgres-port.yml"}
    try:
        everything.compose("--profile", "postgres", "up", "--detach", "--wait", "postgres")
        wait_until(lambda: _connects(everything, ROLE, PASSWORD), 60, "the host reaches Postgres")
        assert not any(_connects(everything, "postgres", password) for password in ("postgres", PASSWORD, ""))
        assert "postgres" in _published(everything)
    finally:
        everything.settings = {}


def _model(stack: Stack) -> dict[str, Any]:
    """Return the Compose file as Compose parses it."""
    model: dict[str, Any] = json.loads(stack.compose("--profile", "*", "config", "--format", "json"))
    assert internal(model) == {"zookeeper", "kafka", "metrics", "database"}
    return model


def _addresses(stack: Stack) -> dict[tuple[str, str], str]:
    """Return the address of each service that listens, in each of its networks."""
    found: dict[tuple[str, str], str] = {}
    for name in LISTENING:
        container = stack.compose(*PROFILES, "ps", "--quiet", name).strip()
        template = "{{json .NetworkSettings.Networks}}"
        command = ["docker", "inspect", "--format", template, container]
        networks = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        found |= {(name, network.partition("_")[2]): one["IPAddress"] for network, one in networks.items()}
    return found


def _reached(stack: Stack, source: str, *places: tuple[str, int]) -> list[tuple[str, int]]:
    """Return the places to which a container of *source* can connect."""
    found = stack.compose("exec", "-T", source, "python", "-c", PROBE, json.dumps(places))
    return [(host, port) for host, port in json.loads(found)]


def _published(stack: Stack) -> set[str]:
    """Return the services with a port on the host, which must be on 127.0.0.1."""
    lines = stack.compose(*PROFILES, "ps", "--format", "json").splitlines()
    ports = [(one["Service"], port["URL"]) for one in map(json.loads, lines) for port in one["Publishers"] or []]
    assert {url for _, url in ports if url} == {"127.0.0.1"}
    return {name for name, url in ports if url}


def _connects(stack: Stack, user: str, password: str) -> bool:
    try:
        with psycopg.connect(stack.postgres, user=user, password=password, dbname="fraudstream", connect_timeout=3):
            return True
    except psycopg.OperationalError:
        return False
