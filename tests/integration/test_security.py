"""A Kafka with authentication: valid and invalid logins, certificates and rights, and the message for each."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import Names
from tests.integration.broker.certificates import Authority
from tests.integration.broker.deadline import wait_until
from tests.integration.broker.secured import Right, Secured, secured_cluster
from tests.integration.logins import Place, certificate_login, login
from tests.integration.refused_logins import CASES, Case
from tests.integration.scorer import Message
from tests.integration.secrets import KEY_PASSWORD, USERS, assert_no_secrets, password_of, wait_for_failure
from tests.integration.service import Service
from tests.oracle import committed_records

pytestmark = pytest.mark.kafka4

AT_ONCE = 3


@pytest.fixture(scope="module")
def secured(own_cluster_is_possible: None) -> Iterator[Secured]:  # noqa: ARG001 - skips where there are no jars
    """Start a cluster with users, and certificates of all kinds for their clients."""
    with secured_cluster({"plain": password_of("plain")}) as cluster:
        for user in USERS:
            cluster.add_user(user, password_of(user))
        cluster.authority.issue("client")
        cluster.authority.issue("looker", password=KEY_PASSWORD)
        cluster.authority.issue("client-expired", expired=True)
        Authority(cluster.folder, "stranger").issue("client-untrusted")
        yield cluster


@pytest.fixture(scope="module")
def reasons(secured: Secured, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[str]]]:
    """Return each client's message, running a few of them in parallel."""
    folder = tmp_path_factory.mktemp("clients")

    def reason(case: Case) -> str:
        with case.start(secured, folder) as client:
            if not case.waits:
                return wait_for_failure(client, secured.folder)
            lines = client.wait_for("waiting for Kafka", count=2)
            assert_no_secrets(client.output, secured.folder)
            client.stop()
            return str(lines[-1]["reason"])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(reason, case) for name, case in CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_a_refused_client_names_the_reason(name: str, reasons: dict[str, Future[str]]) -> None:
    """One line names the setting, the change or the grant that is needed; no traceback, no secret."""
    assert CASES[name].words in reasons[name].result(120)


@pytest.fixture
def place(secured: Secured, names: Names, tmp_path: Path) -> Place:
    """Return topics, group and folders of a test's own."""
    return Place(secured, names, tmp_path)


def assert_succeeds(service: Service, folder: Path) -> None:
    """Assert that it exits with 0 and logs no secret."""
    with service:
        assert service.wait() == 0, service.output
        assert_no_secrets(service.output, folder)


def test_every_service_with_only_the_rights_it_needs(place: Place, tmp_path: Path) -> None:
    """All services, from topics to verify, run by PLAIN, both kinds of SCRAM, a client certificate, a password file."""
    cluster = place.cluster
    for principal, role in {
        "plain": "topics",
        "payer": "producer",
        "scorer": "scorer",
        "CN=looker": "dashboard",
        "maker": "archiver",
        "auditor": "cli",
    }.items():
        cluster.grant(principal, *place.rights(role))
    assert_succeeds(place.start("cli", login(cluster, "plain", "PLAIN", "PASSWORD"), "topics"), cluster.folder)
    pace = {"PAYMENT_LIMIT": "40", "PAYMENTS_PER_SECOND": "400", "MALFORMED_RATE": "0.2"}
    assert_succeeds(place.start("producer", login(cluster, "payer", "SCRAM-SHA-256") | pace), cluster.folder)
    file = tmp_path / "password"
    file.write_text(f"{password_of('auditor')}\n", encoding="utf-8")
    auditor = login(cluster, "auditor") | {"KAFKA_SASL_PASSWORD": "", "KAFKA_SASL_PASSWORD_FILE": str(file)}
    looker = certificate_login(cluster, "looker", KEY_PASSWORD) | {"DASHBOARD_PORT": "0"}
    with (
        place.scorer_of("scorer") as scorer,
        place.start("dashboard", looker) as dashboard,
        place.start("archiver", login(cluster, "maker")) as archiver,
    ):
        place.wait_until_committed()
        for service in (dashboard, archiver):
            service.wait_until_ready()
        for service in (scorer, dashboard, archiver):
            service.stop()
            assert_no_secrets(service.output, cluster.folder)
    assert place.assert_each_once() == 40
    assert_succeeds(place.start("cli", auditor, "verify"), cluster.folder)
    place.csv.unlink()
    assert_succeeds(place.start("cli", auditor, "rebuild"), cluster.folder)
    assert place.assert_each_once() == 40


def test_rights_that_are_missing_before_and_while_it_runs(place: Place) -> None:
    """Without rights a new group's start fails. Later each missing right is logged once, and nothing is committed."""
    cluster = place.make_topics_as_administrator().cluster
    read, scored, dead, member, transactions = place.rights("scorer")
    cluster.grant("newcomer", read, scored, dead, member)
    place.send_payments(40)
    ids = f"lacks Write on transactional ids that begin with {place.ids}; grant it: "
    with place.scorer_of("newcomer") as scorer:
        assert ids in wait_for_failure(scorer, cluster.folder)
    cluster.grant("newcomer", transactions)
    with place.scorer_of("newcomer") as scorer:
        place.wait_until_committed()
    cluster.revoke("newcomer", transactions)
    place.send_payments(40)
    with place.scorer_of("newcomer") as scorer:
        (line,) = scorer.wait_for("partitions not ready")
        assert ids in line["reason"]
        wait_until(lambda: scorer.heartbeat == line["reason"], 60, "its health check shows the reason")
        cluster.grant("newcomer", transactions)
        place.wait_until_committed()
        cluster.grant("newcomer", Right(operation="Describe", resource="topic", name=place.scored))
        cluster.revoke("newcomer", scored)
        place.send_payments(40)
        (line,) = scorer.wait_for("scoring blocked")
        assert f"User:newcomer lacks Write on topic {place.scored}; grant it: kafka-acls " in line["reason"]
        wait_until(lambda: scorer.heartbeat == line["reason"], 60, "its health check shows the reason")
        assert place.committed() == 80
        cluster.grant("newcomer", scored)
        place.wait_until_committed()
        assert len(scorer.lines("partitions not ready")) == len(scorer.lines("scoring blocked")) == 1
        assert scorer.lines("partitions taken over again") == []
        cluster.revoke("newcomer", member)
        assert f"User:newcomer lacks Read on group {place.group}; grant it: " in wait_for_failure(
            scorer, cluster.folder
        )
    assert place.assert_each_once() == 120


def test_a_service_without_its_right_ends(place: Place) -> None:
    """Producer, scorer, dashboard and verify each name the right that they lack."""
    cluster = place.make_topics_as_administrator().cluster
    read, scored, *_ = place.rights("scorer")
    user = "auditor"
    settings = login(cluster, user)
    pace = {"PAYMENTS_PER_SECOND": "100"}
    with (
        place.start("producer", settings | pace) as producer,
        place.start("dashboard", settings | {"DASHBOARD_PORT": "0"}) as dashboard,
        place.scorer_of(user) as blind,
    ):
        assert f"User:{user} lacks Write on topic {place.payments};" in wait_for_failure(producer, cluster.folder)
        assert f"Read on topic {place.scored}" in wait_for_failure(dashboard, cluster.folder)
        assert f"Read on topic {place.payments}" in wait_for_failure(blind, cluster.folder)
    cluster.grant(user, read, scored)
    with place.scorer_of(user) as halfway, place.start("cli", settings, "verify") as audit:
        assert f"User:{user} lacks Write on topic {place.dead};" in wait_for_failure(halfway, cluster.folder)
        assert f"User:{user} lacks Read on topic {place.dead};" in wait_for_failure(audit, cluster.folder)


def test_a_replay_of_dead_letters_has_rights_of_its_own(place: Place) -> None:
    """A replay without its rights names them and sends nothing; it needs no others."""
    cluster = place.make_topics_as_administrator().cluster
    place.send([Message(b"broken")])
    cluster.grant("scorer", *place.rights("scorer"))
    with place.scorer_of("scorer") as scorer:
        place.wait_until_committed()
        scorer.stop()
    message, read, marker, transactions = place.rights("replay")
    replayer = login(cluster, "payer")
    for wanted, rights in (
        (f"Read and Write on topic {place.dead}, Write on topic {place.payments}", (read, message)),
        (f"Write on transactional ids that begin with {place.replays}", (transactions,)),
        (f"Write on topic {place.dead}", (marker,)),
    ):
        with place.start("cli", replayer, "dlq", "replay", "--yes") as refused:
            assert f"User:payer lacks {wanted}; grant it: " in wait_for_failure(refused, cluster.folder)
        cluster.grant("payer", *rights)
    assert_succeeds(place.start("cli", replayer, "dlq", "replay", "--yes"), cluster.folder)
    wait_until(lambda: len(committed_records(cluster.bootstrap, place.payments)) >= 2, 60, "the replay is visible")
    assert len(committed_records(cluster.bootstrap, place.payments)) == 2


def test_topics_that_are_there_need_no_right_to_make_them(place: Place) -> None:
    """The right to describe them is enough if the partitions are sufficient; adding some needs a further right."""
    cluster = place.make_topics_as_administrator().cluster
    cluster.grant("maker", *(Right(operation="Describe", resource="topic", name=name) for name in place.topics))
    maker = login(cluster, "maker")
    assert_succeeds(place.start("cli", maker, "topics"), cluster.folder)
    with place.start("cli", maker | {"TOPIC_PARTITIONS": "5"}, "topics") as growing:
        assert f"User:maker lacks Alter on topic {place.payments};" in wait_for_failure(growing, cluster.folder)
