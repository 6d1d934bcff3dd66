"""The producer on real Kafka, and its payments while the broker fails."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka.partitioner import murmur2

from fraudstream.payment import InvalidPayment, decode
from tests.conftest import Names
from tests.integration.broker import Cluster
from tests.integration.broker.deadline import wait_until
from tests.integration.service import Service
from tests.integration.topic import alter_config, create, read_all

PARTITIONS = 3


def _producer(folder: Path, bootstrap: str, topic: str, **settings: str) -> Service:
    return Service(folder, "producer", {"KAFKA_BOOTSTRAP_SERVERS": bootstrap, "INPUT_TOPIC": topic, **settings})


def _ids(bootstrap: str, topic: str) -> Counter[int]:
    return Counter(json.loads(record.value)["payment_id"] for record in read_all(bootstrap, topic) if record.value)


def test_limit(kafka_bootstrap: str, names: Names, tmp_path: Path) -> None:
    """Exactly that many payments are sent, each id once, to the partition that any other client would choose."""
    topic = names("payments")
    create(kafka_bootstrap, topic, PARTITIONS)
    with _producer(tmp_path, kafka_bootstrap, topic, PAYMENTS_PER_SECOND="50000", PAYMENT_LIMIT="20011") as service:
        assert service.wait() == 0, service.output
    records = read_all(kafka_bootstrap, topic)
    payments = [decode(record.value) for record in records]
    assert len(records) == 20_011
    assert len({payment["payment_id"] for payment in payments if not isinstance(payment, InvalidPayment)}) == 20_011
    for record in records:
        assert record.key is not None
        assert record.partition == (murmur2(record.key) & 0x7FFFFFFF) % PARTITIONS
    assert service.lines("all sent")[0]["payments"] == 20_011


def test_slow_pace(kafka_bootstrap: str, names: Names, tmp_path: Path) -> None:
    """Each payment has a line with its partition and offset; two producers share no id."""
    topic = names("payments")
    create(kafka_bootstrap, topic, PARTITIONS)
    settings = {"PAYMENT_INTERVAL_S": "0.2", "PAYMENT_LIMIT": "3", "SIMULATION_SEED": "1"}
    services = [_producer(tmp_path, kafka_bootstrap, topic, **settings) for _ in range(2)]
    for service in services:
        with service:
            assert service.wait() == 0, service.output
    said = [line for service in services for line in service.lines("payment sent")]
    records = read_all(kafka_bootstrap, topic)
    stored = {(record.partition, record.offset): json.loads(record.value or b"") for record in records}
    assert len({line["payment_id"] for line in said}) == len(stored) == 6
    for line in said:
        payment = stored[line["partition"], line["offset"]]
        assert (payment["payment_id"], payment["amount"]) == (line["payment_id"], line["amount"])


def test_file(kafka_bootstrap: str, names: Names, tmp_path: Path) -> None:
    """The rows around an invalid one are sent, and the invalid one is logged; a valid file is sent completely."""
    topic, other = names("bad"), names("good")
    create(kafka_bootstrap, topic, PARTITIONS)
    create(kafka_bootstrap, other, PARTITIONS)
    header = "payment_id,amount,country_risk_score,failed_logins,transaction_hour,is_new_device\n"
    rows = [f"{number},10,0.5,0,1,0\n" for number in range(1, 301)]
    (tmp_path / "good.csv").write_text(header + "".join(rows), encoding="utf-8")
    rows[200] = "201,ten,0.5,0,1,0\n"
    (tmp_path / "bad.csv").write_text(header + "".join(rows), encoding="utf-8")
    fast = {"PAYMENTS_PER_SECOND": "10000"}
    with _producer(tmp_path, kafka_bootstrap, topic, PAYMENTS_FILE=str(tmp_path / "bad.csv"), **fast) as service:
        assert service.wait() == 0, service.output
    (rejected,) = service.lines("row rejected")
    assert (rejected["line"], rejected["detail"]) == (202, "column amount: 'ten' must be a valid number")
    assert service.lines("rows rejected")[0]["rows"] == 1
    assert _ids(kafka_bootstrap, topic) == Counter({*range(1, 201), *range(202, 301)})
    with _producer(tmp_path, kafka_bootstrap, other, PAYMENTS_FILE=str(tmp_path / "good.csv"), **fast) as service:
        assert service.wait() == 0, service.output
    assert _ids(kafka_bootstrap, other) == Counter(range(1, 301))


def test_malformed(kafka_bootstrap: str, names: Names, tmp_path: Path) -> None:
    """A share of the messages is broken."""
    topic = names("payments")
    create(kafka_bootstrap, topic, PARTITIONS)
    settings = {
        "PAYMENTS_PER_SECOND": "10000",
        "PAYMENT_LIMIT": "1000",
        "MALFORMED_RATE": "0.3",
        "SIMULATION_SEED": "1",
    }
    with _producer(tmp_path, kafka_bootstrap, topic, **settings) as service:
        assert service.wait() == 0, service.output
    results = [decode(record.value) for record in read_all(kafka_bootstrap, topic)]
    assert len(results) == 1_000
    assert sum(isinstance(result, InvalidPayment) for result in results) == pytest.approx(300, abs=60)


def test_stopped(kafka_bootstrap: str, names: Names, tmp_path: Path) -> None:
    """On SIGTERM all payments made are delivered, as many as the log reports, with exit code 0."""
    topic = names("payments")
    create(kafka_bootstrap, topic, PARTITIONS)
    with _producer(tmp_path, kafka_bootstrap, topic, PAYMENTS_PER_SECOND="20000") as service:
        wait_until(lambda: any(line["total"] >= 20_000 for line in service.lines("payments sent")), 30, "20,000")
        service.terminate()
        assert service.wait(10) == 0, service.output
    assert service.heartbeat == "ready"
    ids = _ids(kafka_bootstrap, topic)
    assert len(ids) == ids.total() == service.lines("all sent")[0]["payments"] >= 20_000


def test_no_topic(kafka_bootstrap: str, names: Names, tmp_path: Path) -> None:
    """One line has the command that creates the topic."""
    with _producer(tmp_path, kafka_bootstrap, names("none")) as service:
        assert service.wait(25) == 1
    assert "fraudstream topics" in service.lines("stopped")[0]["reason"]
    assert "Traceback" not in service.output


@pytest.mark.parametrize("end", [lambda broker: broker.terminate(), lambda broker: broker.kill()], ids=["TERM", "KILL"])
def test_broker_restarted(own_cluster: Cluster, names: Names, tmp_path: Path, end: Callable[[object], None]) -> None:
    """Every payment made arrives; missed ones are not made up for; failure and recovery log one line each."""
    topic, rate, limit = names("payments"), 2_000, 20_000
    create(own_cluster.bootstrap, topic, PARTITIONS)
    with _producer(
        tmp_path, own_cluster.bootstrap, topic, PAYMENTS_PER_SECOND=str(rate), PAYMENT_LIMIT=str(limit)
    ) as service:
        service.wait_for("payments sent", count=2)
        end(own_cluster.broker)
        service.wait_for("Kafka is unavailable: waiting, nothing is lost")
        own_cluster.broker.start()
        assert service.wait(60) == 0, service.output
    records = read_all(own_cluster.bootstrap, topic)
    assert len({record.key for record in records}) == limit
    assert len(service.lines("Kafka is unavailable: waiting, nothing is lost")) == 1
    (back,) = service.lines("Kafka is available again")
    stamps = [record.timestamp for record in records]
    # for 2 s it makes payments without noticing, and delays of up to 1 s are made up for
    assert (max(stamps) - min(stamps)) / 1_000 >= limit / rate + back["outage_s"] - 2 - 1
    assert "Traceback" not in service.output
    assert "aiokafka" not in service.output


def test_broker_not_up_yet(own_cluster: Cluster, names: Names, tmp_path: Path) -> None:
    """The producer logs once that it waits, and then starts by itself."""
    topic = names("payments")
    create(own_cluster.bootstrap, topic, PARTITIONS)
    own_cluster.broker.terminate()
    with _producer(tmp_path, own_cluster.bootstrap, topic, PAYMENTS_PER_SECOND="1000", PAYMENT_LIMIT="500") as service:
        service.wait_for("waiting for Kafka")
        own_cluster.broker.start()
        assert service.wait(40) == 0, service.output
    assert len(_ids(own_cluster.bootstrap, topic)) == 500
    assert "Unclosed" not in service.output


def test_stopped_while_the_broker_is_unavailable(own_cluster: Cluster, names: Names, tmp_path: Path) -> None:
    """The producer tries for 8 s, logs the number of lost payments, and exits non-zero."""
    topic = names("payments")
    create(own_cluster.bootstrap, topic, PARTITIONS)
    with _producer(tmp_path, own_cluster.bootstrap, topic, PAYMENTS_PER_SECOND="1000") as service:
        service.wait_for("payments sent")
        own_cluster.broker.pause()
        service.wait_for("Kafka is unavailable: waiting, nothing is lost")
        wait_until(lambda: service.heartbeat == "Kafka unavailable", 5, "its heartbeat shows the state")
        service.terminate()
        assert service.wait(15) == 1
    assert "could not be delivered" in service.lines("stopped")[0]["reason"]
    assert "Traceback" not in service.output


def test_a_topic_with_a_small_limit(kafka_bootstrap: str, names: Names, tmp_path: Path) -> None:
    """Batches are as small as the topic requires."""
    topic = names("payments")
    create(kafka_bootstrap, topic, PARTITIONS)
    alter_config(kafka_bootstrap, topic, {"max.message.bytes": "2000"})
    with _producer(tmp_path, kafka_bootstrap, topic, PAYMENTS_PER_SECOND="5000", PAYMENT_LIMIT="5000") as service:
        assert service.wait(30) == 0, service.output
    assert len(_ids(kafka_bootstrap, topic)) == 5_000
    assert not service.lines("payments refused")


def test_a_topic_that_refuses_payments(kafka_bootstrap: str, names: Names, tmp_path: Path) -> None:
    """Log and health name setting and command; nothing is lost, and sending resumes once the topic is changed."""
    topic = names("payments")
    create(kafka_bootstrap, topic, PARTITIONS)
    alter_config(kafka_bootstrap, topic, {"message.timestamp.before.max.ms": "0"})
    with _producer(tmp_path, kafka_bootstrap, topic, PAYMENTS_PER_SECOND="1000", PAYMENT_LIMIT="5000") as service:
        (line,) = service.wait_for("payments refused")
        assert f"{topic} refuses records (INVALID_TIMESTAMP): message.timestamp.before.max.ms=0" in line["reason"]
        assert f"--entity-name {topic} --alter --add-config message.timestamp.before.max.ms=" in line["reason"]
        wait_until(lambda: service.heartbeat == line["reason"], 10, "its health check shows the reason")
        alter_config(kafka_bootstrap, topic, {"message.timestamp.before.max.ms": "36000000"})
        assert service.wait(40) == 0, service.output
    assert len(_ids(kafka_bootstrap, topic)) == 5_000
    assert len(service.lines("payments refused")) == len(service.lines("payments accepted again")) == 1
    assert not service.lines("Kafka is unavailable: waiting, nothing is lost")
