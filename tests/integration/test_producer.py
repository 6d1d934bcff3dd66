"""The producer on real Kafka, and its payments while the broker fails."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka.partitioner import murmur2

from dashboard.exposition import reading
from fraudstream.payment import InvalidPayment, PaymentFormat
from tests.any_schema import CARDS, ROOT
from tests.conftest import Names
from tests.integration.broker import Cluster
from tests.integration.broker.deadline import wait_until
from tests.integration.scorer import Surroundings
from tests.integration.service import Service, logged_at
from tests.integration.topic import alter_config, read_all
from tests.oracle import Record
from tests.scores import FORMAT

PARTITIONS = 3
pytestmark = pytest.mark.partitions(PARTITIONS)
UNAVAILABLE = "Kafka is unavailable: waiting, nothing is lost"


def run_producer(surroundings: Surroundings, **settings: str) -> Service:
    """Run a producer until it has sent all, and exits with 0."""
    with surroundings.service("producer", **settings) as service:
        assert service.wait() == 0, service.output
    return service


def sent(surroundings: Surroundings) -> list[Record]:
    """Return the records sent so far."""
    return read_all(surroundings.bootstrap, surroundings.topics[0])


def ids(surroundings: Surroundings) -> Counter[int]:
    """Return the payment ids sent so far."""
    return Counter(json.loads(record.value)["payment_id"] for record in sent(surroundings) if record.value)


def wait_until_sent(service: Service, count: int) -> None:
    """Wait until the producer has counted at least `count` payments as delivered."""
    wait_until(lambda: reading(service.get("/metrics")[1]).handled >= count, 60, f"{count} payments")


def test_limit(surroundings: Surroundings) -> None:
    """Exactly that many payments are sent, each id once, to the partition that any other client would choose."""
    service = run_producer(surroundings, PAYMENTS_PER_SECOND="50000", PAYMENT_LIMIT="20011")
    records = sent(surroundings)
    payments = [FORMAT.payment.decode(record.value) for record in records]
    assert len(records) == 20_011
    assert len({payment["payment_id"] for payment in payments if not isinstance(payment, InvalidPayment)}) == 20_011
    for record in records:
        assert record.key is not None
        assert record.partition == (murmur2(record.key) & 0x7FFFFFFF) % PARTITIONS
    assert service.lines("all sent")[0]["payments"] == 20_011


def test_slow_pace(surroundings: Surroundings) -> None:
    """Each payment has a line at debug level with its partition and offset; two producers share no id."""
    settings = {"PAYMENT_INTERVAL_S": "0.2", "PAYMENT_LIMIT": "3", "SIMULATION_SEED": "1", "LOG_LEVEL": "debug"}
    services = [surroundings.service("producer", **settings) for _ in range(2)]
    for service in services:
        with service:
            assert service.wait() == 0, service.output
    said = [line for service in services for line in service.lines("payment sent")]
    records = sent(surroundings)
    stored = {(record.partition, record.offset): json.loads(record.value or b"") for record in records}
    assert len({line["payment_id"] for line in said}) == len(stored) == 6
    for line in said:
        payment = stored[line["partition"], line["offset"]]
        assert (payment["payment_id"], payment["amount"]) == (line["payment_id"], line["amount"])


def test_file(surroundings: Surroundings, tmp_path: Path) -> None:
    """The rows around an invalid one are sent, and the invalid one is logged; a valid file is sent completely."""
    header = "payment_id,amount,country_risk_score,failed_logins,transaction_hour,is_new_device\n"
    rows = [f"{number},10,0.5,0,1,0\n" for number in range(1, 301)]
    (tmp_path / "good.csv").write_text(header + "".join(rows), encoding="utf-8")
    rows[200] = "201,ten,0.5,0,1,0\n"
    (tmp_path / "bad.csv").write_text(header + "".join(rows), encoding="utf-8")
    fast = {"PAYMENTS_PER_SECOND": "10000"}
    service = run_producer(surroundings, PAYMENTS_FILE=str(tmp_path / "bad.csv"), **fast)
    (rejected,) = service.lines("row rejected")
    assert (rejected["line"], rejected["detail"]) == (202, "column amount: 'ten' must be a valid number")
    assert service.lines("rows rejected")[0]["rows"] == 1
    of_the_first = Counter({*range(1, 201), *range(202, 301)})
    assert ids(surroundings) == of_the_first
    run_producer(surroundings, PAYMENTS_FILE=str(tmp_path / "good.csv"), **fast)
    assert ids(surroundings) == of_the_first + Counter(range(1, 301))


def test_malformed(surroundings: Surroundings) -> None:
    """A share of the messages is broken."""
    run_producer(
        surroundings, PAYMENTS_PER_SECOND="10000", PAYMENT_LIMIT="1000", MALFORMED_RATE="0.3", SIMULATION_SEED="1"
    )
    results = [FORMAT.payment.decode(record.value) for record in sent(surroundings)]
    assert len(results) == 1_000
    assert sum(isinstance(result, InvalidPayment) for result in results) == pytest.approx(300, abs=60)


def test_a_repeated_history(surroundings: Surroundings) -> None:
    """For another schema, payments are those of the history, with new ids, keyed by the field of the role."""
    cards = ROOT / "examples/cards"
    service = run_producer(
        surroundings,
        PAYMENT_SCHEMA=str(cards / "payment.toml"),
        TRAINING_DATA=str(cards / "history.csv"),
        PAYMENTS_PER_SECOND="10000",
        PAYMENT_LIMIT="5000",
        MALFORMED_RATE="0.1",
    )
    records = sent(surroundings)
    payments = PaymentFormat(CARDS).decode_all([record.value for record in records])
    valid = [payment for payment in payments if not isinstance(payment, InvalidPayment)]
    assert len(records) == service.lines("all sent")[0]["payments"] == 5_000
    assert len({payment["transaction_id"] for payment in valid}) == len(valid) == pytest.approx(4_500, abs=150)
    for record, payment in zip(records, payments, strict=True):
        if not isinstance(payment, InvalidPayment):
            assert record.key == payment["card"]["token"].encode()
    assert service.lines("row rejected") == []


def test_without_a_history(surroundings: Surroundings) -> None:
    """The error names the settings that repair it."""
    settings = {"PAYMENT_SCHEMA": str(ROOT / "examples/cards/payment.toml"), "TRAINING_DATA": "none.csv"}
    with surroundings.service("producer", **settings) as service:
        assert "set TRAINING_DATA to a history of its payments, or PAYMENTS_FILE" in service.wait_for_failure()


def test_stopped(surroundings: Surroundings) -> None:
    """On SIGTERM all payments made are delivered, as many as the log reports, with exit code 0."""
    with surroundings.service("producer", PAYMENTS_PER_SECOND="5000", METRICS_PORT="0") as service:
        wait_until_sent(service, 5_000)
        service.wait_until_ready()
        service.stop()
    found = ids(surroundings)
    assert len(found) == found.total() == service.lines("all sent")[0]["payments"] >= 5_000


def test_no_topic(surroundings: Surroundings, names: Names) -> None:
    """One line has the command that creates the topic."""
    with surroundings.service("producer", INPUT_TOPIC=names("none")) as service:
        assert "fraudstream topics" in service.wait_for_failure()


@pytest.mark.parametrize("end", [lambda broker: broker.terminate(), lambda broker: broker.kill()], ids=["TERM", "KILL"])
def test_broker_restarted(own: Surroundings, own_cluster: Cluster, end: Callable[[object], None]) -> None:
    """Every payment made arrives; missed ones are not made up for; failure and recovery log one line each."""
    rate, limit = 2_000, 20_000
    settings = {"PAYMENTS_PER_SECOND": str(rate), "PAYMENT_LIMIT": str(limit), "METRICS_PORT": "0"}
    with own.service("producer", **settings) as service:
        wait_until_sent(service, 2 * rate)
        ended_at = datetime.now(UTC)
        end(own_cluster.broker)
        service.wait_until(
            lambda: any(logged_at(line) > ended_at for line in service.lines(UNAVAILABLE)), 60, UNAVAILABLE
        )
        own_cluster.broker.start()
        started_at = datetime.now(UTC)
        assert service.wait() == 0, service.output
    records = sent(own)
    assert len({record.key for record in records}) == limit
    # a slow broker may also be silent for 2 s before or after
    (outage,) = [
        number for number, line in enumerate(service.lines(UNAVAILABLE)) if ended_at < logged_at(line) < started_at
    ]
    recoveries = service.lines("Kafka is available again")
    assert len(recoveries) == len(service.lines(UNAVAILABLE))
    stamps = [record.timestamp for record in records]
    # for 2 s it makes payments without noticing, and delays of up to 1 s are made up for
    assert (max(stamps) - min(stamps)) / 1_000 >= limit / rate + recoveries[outage]["outage_s"] - 2 - 1
    assert "Traceback" not in service.output
    assert "aiokafka" not in service.output


def test_broker_not_up_yet(own: Surroundings, own_cluster: Cluster) -> None:
    """The producer logs once that it waits, and then starts by itself."""
    own_cluster.broker.terminate()
    with own.service("producer", PAYMENTS_PER_SECOND="1000", PAYMENT_LIMIT="500") as service:
        service.wait_for("waiting for Kafka")
        own_cluster.broker.start()
        assert service.wait() == 0, service.output
    assert len(ids(own)) == 500
    assert "Unclosed" not in service.output


def test_stopped_while_the_broker_is_unavailable(own: Surroundings, own_cluster: Cluster) -> None:
    """The producer tries for 8 s, logs the number of lost payments, and exits non-zero."""
    with own.service("producer", PAYMENTS_PER_SECOND="1000", METRICS_PORT="0") as service:
        wait_until_sent(service, 1_000)
        own_cluster.broker.pause()
        service.wait_for(UNAVAILABLE)
        wait_until(lambda: service.heartbeat == "Kafka unavailable", 60, "its heartbeat shows the state")
        service.terminate()
        assert "could not be delivered" in service.wait_for_failure()


def test_a_topic_with_a_small_limit(surroundings: Surroundings) -> None:
    """Batches are as small as the topic requires."""
    alter_config(surroundings.bootstrap, surroundings.topics[0], {"max.message.bytes": "2000"})
    service = run_producer(surroundings, PAYMENTS_PER_SECOND="5000", PAYMENT_LIMIT="5000")
    assert len(ids(surroundings)) == 5_000
    assert not service.lines("payments refused")


def test_a_topic_that_refuses_payments(surroundings: Surroundings) -> None:
    """Log and health name setting and command; nothing is lost, and sending resumes once the topic is changed."""
    topic = surroundings.topics[0]
    alter_config(surroundings.bootstrap, topic, {"message.timestamp.before.max.ms": "0"})
    with surroundings.service("producer", PAYMENTS_PER_SECOND="1000", PAYMENT_LIMIT="5000") as service:
        (line,) = service.wait_for("payments refused")
        assert (
            f"{surroundings.topics[0]} refuses records (INVALID_TIMESTAMP): message.timestamp.before.max.ms=0"
            in line["reason"]
        )
        assert (
            f"--entity-name {surroundings.topics[0]} --alter --add-config message.timestamp.before.max.ms="
            in line["reason"]
        )
        wait_until(lambda: service.heartbeat == line["reason"], 60, "its health check shows the reason")
        alter_config(surroundings.bootstrap, topic, {"message.timestamp.before.max.ms": "36000000"})
        assert service.wait() == 0, service.output
    assert len(ids(surroundings)) == 5_000
    assert len(service.lines("payments refused")) == len(service.lines("payments accepted again")) == 1
    assert not service.lines(UNAVAILABLE)
