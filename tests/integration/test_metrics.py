"""The metrics and health of a running scorer and producer over HTTP match their work."""

import json
from pathlib import Path

from dashboard.exposition import Reading, reading
from tests.conftest import MakeCluster
from tests.integration.broker.deadline import wait_until
from tests.integration.scorer import Message, Surroundings, payment
from tests.integration.service import Service


def test_a_scorer_counts_what_it_did(surroundings: Surroundings) -> None:
    """Decisions, dead letters, latencies, lag, partitions, model are counted for 400 payments, 3 broken messages."""
    with surroundings.assigned_scorer(METRICS_PORT="0") as scorer:
        surroundings.send_payments(400)
        surroundings.send([Message(b"{"), Message(None), Message(payment(1)[:-1] + b',"amount":-1}')])
        surroundings.wait_until_committed()
        wait_until(lambda: scorer.get("/readyz")[0] == 200, 60, "ready")
        text = scorer.get("/metrics")[1]
        found = reading(text)
        assert found.handled == 403
        for reason in ("tombstone", "invalid_json", "invalid_field"):
            assert f'fraudstream_dead_letters_total{{reason="{reason}"}} 1.0' in text
        assert found.ages[float("inf")] == 400
        assert found.partitions == dict.fromkeys(range(4), True)
        wait_until(lambda: metrics(scorer).lags == dict.fromkeys(range(4), 0), 60, "no lag, after transactions too")
        assert found.models == [("champion", surroundings.model.version, "test")]
        wait_until(lambda: _logged(scorer) == 403, 60, "each message has a line, or is counted in one")


def test_health_names_the_problem(surroundings: Surroundings, tmp_path: Path) -> None:
    """With a CSV that can't be locked, the scorer is alive, not ready, with the reason; the lag grows until then."""
    with surroundings.assigned_scorer(METRICS_PORT="0") as scorer:
        wait_until(lambda: scorer.get("/readyz")[0] == 200, 60, "ready")
        surroundings.csv.parent.rename(tmp_path / "elsewhere")
        surroundings.send_payments(200)
        wait_until(lambda: scorer.get("/readyz")[0] == 503, 60, "not ready")
        assert "outputs" in json.loads(scorer.get("/readyz")[1])["status"]
        assert scorer.get("/healthz")[0] == 200
        wait_until(lambda: sum(metrics(scorer).lags.values()) > 0, 60, "lag is seen")
        (tmp_path / "elsewhere").rename(surroundings.csv.parent)
        surroundings.wait_until_committed()
        wait_until(lambda: scorer.get("/readyz")[0] == 200, 60, "ready again")
        wait_until(lambda: sum(metrics(scorer).lags.values()) == 0, 60, "no lag")
        assert "fraudstream_producers_replaced_total" in scorer.get("/metrics")[1]


def test_a_producer_without_kafka_is_alive_and_not_ready(make_cluster: MakeCluster, tmp_path: Path) -> None:
    """Health names what the producer waits for; with a broker its counters match the topic."""
    cluster = make_cluster()
    settings = {"KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap, "PAYMENTS_PER_SECOND": "50", "METRICS_PORT": "0"}
    with Service(tmp_path, "cli", settings, "topics") as topics:
        assert topics.wait(60) == 0
    cluster.broker.pause()
    with Service(tmp_path, "producer", settings) as producer:
        producer.wait_for("metrics")
        wait_until(lambda: producer.get("/readyz")[0] == 503, 60, "not ready")
        assert "Kafka" in json.loads(producer.get("/readyz")[1])["status"]
        cluster.broker.resume()
        wait_until(lambda: metrics(producer).handled > 50, 60, "payments sent")
        wait_until(lambda: producer.get("/readyz")[0] == 200, 60, "ready")


def test_a_taken_port_is_named(surroundings: Surroundings) -> None:
    """The second process on a port stops immediately, with the variable's name."""
    with surroundings.scorer(METRICS_PORT="0") as first:
        port = first.address.rpartition(":")[2]
        with surroundings.scorer(METRICS_PORT=port) as second:
            assert "METRICS_PORT" in second.wait_for_failure()


def _logged(scorer: Service) -> int:
    """Return the number of messages in its log: in lines of their own, and in lines per second."""
    counted: int = sum(line["scored"] + line["dead_letters"] for line in scorer.lines("payments scored"))
    return counted + len(scorer.lines("payment scored")) + len(scorer.lines("dead letter"))


def metrics(service: Service) -> Reading:
    """Read the metrics as the dashboard does."""
    return reading(service.get("/metrics")[1])
