"""Consistency of the Compose file, Dockerfiles, settings and locks."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from fraudstream.runtime import settings
from fraudstream.runtime.environment import Settings
from tests.networks import parse

ROOT = Path(__file__).parents[1]
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
OWN_KAFKA = (ROOT / "docker-compose.own-kafka.yml").read_text(encoding="utf-8")
POSTGRES_PORT = (ROOT / "docker-compose.postgres-port.yml").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
JAVA = {"zookeeper", "kafka"}
MONITORING = {"prometheus", "alertmanager", "grafana"}
OURS = sorted(SERVICES.keys() - JAVA - MONITORING - {"postgres"})
IMAGES = ("producer", "scorer", "trainer", "dashboard", "archiver")
GROUPS = [group for group in vars(settings).values() if isinstance(group, type) and issubclass(group, Settings)]
# settings whose default in Compose is not the library's
COMPOSE_ALONE = {
    "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
    "LOG_COLORS": "always",  # the log of a container is read on a terminal, but not written to one
    "METRICS_HOST": "0.0.0.0",  # noqa: S104 - inside its container
    "METRICS_PORT": "9400",
    "METRICS_HOSTS": "scorer,producer,archiver,dashboard",
    "METRICS_TARGETS": "scorer:9400,producer:9400,archiver:9400",
    "DASHBOARD_HOST": "0.0.0.0",  # noqa: S104 - published to this machine alone
}
CONSTANTS = {"FRAUDSTREAM_COMMAND": "./fraudstream"}
OF_TOOLS = {"LOG_COLORS": "auto"}  # whose output may be a file
PORTS = {
    "kafka": ["127.0.0.1:${KAFKA_HOST_PORT:-29092}:29092"],
    "dashboard": ["127.0.0.1:${DASHBOARD_PORT:-8080}:${DASHBOARD_PORT:-8080}"],
    "prometheus": ["127.0.0.1:${PROMETHEUS_PORT:-9090}:9090"],
    "grafana": ["127.0.0.1:${GRAFANA_PORT:-3000}:3000"],
}


def _interpolated() -> dict[str, str]:
    """Return the variables that the Compose files read, with their defaults; a variable has one default everywhere."""
    found: dict[str, str] = {}
    for name, default in re.findall(r"\$\{(\w+):-([^}]*)\}", COMPOSE + POSTGRES_PORT):
        assert found.setdefault(name, default) == default, name
    return found


def _example() -> dict[str, str]:
    """Return the variables and values of .env.example."""
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


def _library() -> dict[str, str]:
    """Return the variables that the library's settings read, with their defaults in the form of an environment."""
    fields = [field for group in GROUPS for field in group.model_fields.values()]
    defaults = {field.alias: _written(field.default) for field in fields if field.alias}
    return defaults | {f"{name}_FILE": "" for group in GROUPS for name in group.secrets()}


def _written(default: object) -> str:
    """Return a default in the form of an environment."""
    if isinstance(default, bool):
        return str(default).lower()
    return "" if default is None else str(default).removesuffix(".0")


def test_example_has_the_defaults_of_compose() -> None:
    """.env.example lists each variable of the Compose file with its default."""
    assert _example() == _interpolated()


def test_compose_has_no_variable_without_default() -> None:
    """Every variable of the Compose file has a default, except the project's name, which Compose itself sets."""
    assert set(re.findall(r"\$\{\w+(?!\w*:-)[^}]*\}", COMPOSE)) == {"${COMPOSE_PROJECT_NAME}"}


def test_an_update_renews_the_command_line() -> None:
    """`up --build` builds no service of the profile `tools`: each has the image of a service that it does build."""
    for name in OURS:
        service = SERVICES[name]
        if "tools" in service.get("profiles", ()):
            built = service["image"].removeprefix("${COMPOSE_PROJECT_NAME}-")
            assert SERVICES[built]["build"] == service["build"]
            assert SERVICES[built].keys() & {"image", "profiles"} == set()


def test_every_setting_can_be_set_in_compose() -> None:
    """Each variable of the settings classes is in .env.example, with the same default."""
    example = _example()
    assert {name: example.get(name) for name in _library()} == _library() | COMPOSE_ALONE


@pytest.mark.parametrize("name", OURS)
def test_containers_get_the_variable_under_its_own_name(name: str) -> None:
    """Containers get `NAME: ${NAME:-default}`, never under another name; and two constants."""
    constants = CONSTANTS | (OF_TOOLS if "tools" in SERVICES[name].get("profiles", ()) else {})
    for variable, value in SERVICES[name].get("environment", {}).items() - constants.items():
        assert re.fullmatch(rf"\$\{{{variable}:-[^}}]*\}}", value), variable


@pytest.mark.parametrize("name", SERVICES)
def test_services_scale_and_publish_no_other_ports(name: str) -> None:
    """No service has a container name, which would forbid a second replica; four publish ports, on this host only."""
    service = SERVICES[name]
    assert "container_name" not in service
    assert service.get("ports", []) == PORTS.get(name, [])
    assert "restart" in service
    assert "mem_limit" in service
    assert service["logging"]["options"]["max-size"]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["pids_limit"] >= 1024
    assert service.get("read_only") is True or name in JAVA  # these write their configuration into /etc/kafka


@pytest.mark.parametrize("name", OURS)
def test_our_services_are_hardened(name: str) -> None:
    """Only mounts and /tmp are writable; only the service without network has root and three capabilities."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert "privileged" not in service
    if name == "volumes":
        assert service["cap_add"] == ["CHOWN", "FOWNER", "DAC_OVERRIDE"]
        assert service["network_mode"] == "none"
    else:
        assert "user" not in service
        assert "cap_add" not in service


def test_long_running_services_have_health_checks() -> None:
    """Each has a health check, and services that wait for another one wait for its health or its end."""
    for name in ("zookeeper", "kafka", "scorer", "producer", "dashboard", "archiver", "postgres"):
        assert SERVICES[name]["healthcheck"]["test"]
    waits = {
        (name, other): wait["condition"]
        for name, service in SERVICES.items()
        for other, wait in service.get("depends_on", {}).items()
    }
    assert {wait for wait, condition in waits.items() if condition == "service_started"} == {
        ("kafka", "zookeeper"),  # its image waits itself, and commands too, also for a Kafka that has been paused
        ("cli", "kafka"),
        ("erase", "kafka"),
    }
    assert set(waits.values()) == {"service_started", "service_healthy", "service_completed_successfully"}


def test_kafkas_data_is_in_named_volumes() -> None:
    """Kafka has named volumes at exactly these three paths: with one of them lost, Kafka refuses to start."""
    mounts = [mount.split(":") for name in sorted(JAVA) for mount in SERVICES[name]["volumes"]]
    assert dict(mounts) == {
        "kafka-data": "/var/lib/kafka/data",
        "zookeeper-data": "/var/lib/zookeeper/data",
        "zookeeper-log": "/var/lib/zookeeper/log",
    }


def test_a_private_umask_hides_no_configuration() -> None:
    """`volumes` gives our group access to each folder that a monitoring service mounts, and that is in the group."""
    prepared = {mount.split(":")[0] for mount in SERVICES["volumes"]["volumes"]}
    for name in MONITORING:
        mounted = {
            f"./services/{mount.split('/')[2].split(':')[0]}" for mount in SERVICES[name]["volumes"] if mount[0] == "."
        }
        assert mounted == {f"./services/{name}"} <= prepared
        assert SERVICES[name]["group_add"] == ["10001"]
        assert SERVICES[name]["depends_on"] == {"volumes": {"condition": "service_completed_successfully"}}


def test_windows_checks_out_the_same_bytes(tmp_path: Path) -> None:
    """Files have LF line ends on Windows: with CRLF, scripts in containers fail and the history's checksum differs."""
    as_windows = ["-c", "core.autocrlf=true", "-c", "core.eol=crlf"]
    subprocess.run(["git", "clone", "--quiet", *as_windows, str(ROOT), str(tmp_path)], check=True)
    files = [path for path in tmp_path.rglob("*") if path.is_file() and ".git" not in path.parts]
    assert len(files) > 100
    assert [path.name for path in files if path.suffix != ".png" and b"\r" in path.read_bytes()] == []


def test_own_kafka_replaces_the_bundled_one_everywhere() -> None:
    """With the override, services that wait for the bundled Kafka wait for all else but that.

    They read the secrets, as does `archive`: the database's address may be one.
    """
    override = parse(OWN_KAFKA)["services"]
    waiting = {name: service["depends_on"] for name, service in SERVICES.items() if "depends_on" in service}
    ours = {name for name, waits in waiting.items() if "kafka" in waits} - JAVA
    assert override.keys() == ours | JAVA | {"archive"}
    assert override["archive"] == {"volumes": ["./secrets:/app/secrets:ro"]}
    for name in ours:
        left = {one: wait for one, wait in waiting[name].items() if one not in JAVA}
        assert override[name]["depends_on"] == left, name
        assert override[name]["volumes"] == ["./secrets:/app/secrets:ro"]
    assert all(override[name] == {"profiles": ["bundled-kafka"]} for name in JAVA)
    assert OWN_KAFKA.count("depends_on: !") == len(ours)


def test_secrets_stay_on_this_machine() -> None:
    """Neither Git nor an image build includes the folder of secrets."""
    assert "/secrets/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()[1:4] == ["*", "!shared/", "!services/"]


def test_third_party_images_are_pinned() -> None:
    """Third-party images have a version tag, never `latest`; `make pin-images` adds a digest."""
    foreign = {service["image"].partition("@")[0] for service in SERVICES.values() if "build" not in service}
    assert foreign == {
        "confluentinc/cp-zookeeper:7.9.1",
        "confluentinc/cp-kafka:7.9.1",
        "prom/prometheus:v3.5.0",
        "prom/alertmanager:v0.28.1",
        "grafana/grafana:12.1.1",
    }
    postgres = (ROOT / "services/postgres/Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^FROM ([^\s@]+)", postgres, re.MULTILINE) == ["postgres:17"]


def test_dockerfile() -> None:
    """The Dockerfile has one pinned base, hashed dependencies, a numeric user and a command by `exec`."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^FROM ([^\s@]+)", text, re.MULTILINE) == [
        "python:3.13-slim",
        "tools",
        "tools",
        "python:3.13-slim",
    ]
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["10001:10001"]
    assert text.rstrip().endswith('CMD ["sh", "-c", "exec python -m $SERVICE"]')
    installs = re.findall(r"\bpip .*?install .*", text)
    assert len(installs) == 3
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs), installs


def test_images_are_built_for_their_service() -> None:
    """One Dockerfile with one build argument builds each service's own image."""
    built = {service["build"]["args"]["SERVICE"] for service in SERVICES.values() if "args" in service.get("build", {})}
    assert built == set(IMAGES)


@pytest.mark.parametrize("name", [f"services/{image}/requirements.lock" for image in IMAGES] + ["shared/build.lock"])
def test_images_install_the_locked_versions(name: str) -> None:
    """Each image installs a subset of requirements.lock: same versions, same hashes."""
    everything = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    assert set((ROOT / name).read_text(encoding="utf-8").splitlines()) <= set(everything)


def test_lock_has_one_version_for_every_python() -> None:
    """The lock has no fork by Python version: a model loads only with the library versions that made it."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    names = re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE)
    assert len(names) == len(set(names))
    assert "://" not in lock


def test_every_pure_module_has_a_contract() -> None:
    """Every module whose docstring states that it is pure has an import-linter contract."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    held = {module for contract in contracts[:2] for module in contract["source_modules"]}
    pure = set()
    for path in (*ROOT.glob("shared/src/**/*.py"), *ROOT.glob("services/*/*/**/*.py")):
        words = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        if re.search(r"\bpure\b", words, re.IGNORECASE):
            pure.add(".".join(path.relative_to(ROOT).with_suffix("").parts[2:]))
    assert len(pure) > 30
    assert pure <= held


def test_no_field_of_a_payment_is_in_the_code() -> None:
    """They are declared in data/payment.toml; the simulation and its malformed messages are of the default."""
    own = {"shared/src/fraudstream/simulation.py", "services/producer/producer/malformed.py"}
    frozen = "services/archiver/archiver/migrations/versions/archive_0001.py"
    fields = re.compile(r"\b(country_risk_score|failed_logins|transaction_hour|is_new_device)\b")
    suffixes = {".py", ".js", ".html", ".sql", ".css"}
    files = [
        path for folder in ("shared/src", "services") for path in (ROOT / folder).rglob("*") if path.suffix in suffixes
    ]
    assert len(files) > 300
    named = {
        path.relative_to(ROOT).as_posix()
        for path in files
        if ".venv" not in path.parts and fields.search(path.read_text(encoding="utf-8"))
    }
    assert named - own <= {frozen}
