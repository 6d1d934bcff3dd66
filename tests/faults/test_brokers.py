"""Brokers and ZooKeeper fail: the same scorer process continues by itself, and each record is stored once."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event

import pytest

from fraudstream.kafka.connection import BROKEN
from tests.conftest import Names
from tests.faults.proxy import EndTxnCutter
from tests.integration import offsets
from tests.integration.background import in_background
from tests.integration.broker import Cluster
from tests.integration.broker.deadline import wait_until
from tests.integration.broker.process import Process
from tests.integration.scorer import Message, Surroundings, payment
from tests.integration.service import Service
from tests.integration.topic import leaders
from tests.integration.trained import save_model

_BETWEEN_ROUNDS_S = 0.2
NO_LEADER = "the previous owner's transaction can't be ended: a partition in it has no leader"
LONGEST_RETRY_S = 10

# the load's own clients lose their brokers, and can't close their connections
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@contextmanager
def load(scene: Surroundings, per_round: int = 200) -> Iterator[list[int]]:
    """Send rounds of payments through all faults; yield the sizes of the rounds acknowledged, at least."""
    sent = list[int]()

    def send(over: Event) -> None:
        while not over.wait(_BETWEEN_ROUNDS_S):
            with suppress(*BROKEN):  # a round may be lost half-way: the check counts the records in the topic
                scene.send_payments(per_round)
                sent.append(per_round)

    with in_background(send, end_s=120):
        yield sent


def assert_scores_all(scene: Surroundings, scorer: Service) -> None:
    """Wait until all records are committed; the same process must still run, and have logged no traceback."""
    scene.wait_until_committed(timeout_s=120)
    assert scorer.running, scorer.output
    assert "Traceback" not in scorer.output, scorer.output


def wait_for_rounds(sent: list[int], more: int) -> None:
    """Wait until `more` further rounds are sent."""
    target = len(sent) + more
    wait_until(lambda: len(sent) >= target, 90, f"{more} rounds of payments sent")


@pytest.mark.parametrize(
    ("case", "how"),
    [
        (7, "terminate"),
        pytest.param(8, "kill", marks=pytest.mark.kafka4),
        (9, "pause for 45 s"),
        pytest.param(11, "zookeeper down", marks=pytest.mark.zookeeper),
        pytest.param(11, "both restarted", marks=pytest.mark.zookeeper),
    ],
)
def test_cases_7_8_9_11(own: Surroundings, own_cluster: Cluster, case: int, how: str) -> None:
    """The broker is restarted, killed, paused beyond every request's timeout, or loses ZooKeeper, under load."""
    assert case
    with own.assigned_scorer() as scorer:
        with load(own) as sent:
            wait_for_rounds(sent, 5)
            break_it(own_cluster, how)
            wait_for_rounds(sent, 5)
        assert_scores_all(own, scorer)
    assert own.assert_each_once() >= sum(sent)


def break_it(cluster: Cluster, how: str) -> None:
    """Apply this fault to the cluster, and undo it."""
    pause = Event()
    if how == "pause for 45 s":
        cluster.broker.pause()
        pause.wait(45)
        cluster.broker.resume()
    elif how == "zookeeper down":
        cluster.zookeeper.pause()
        pause.wait(30)
        cluster.zookeeper.resume()
    elif how == "both restarted":
        cluster.broker.terminate()
        cluster.zookeeper.terminate()
        cluster.zookeeper.start()
        cluster.broker.start()
    else:
        getattr(cluster.broker, how)()
        cluster.broker.start()


@pytest.mark.kafka4
def test_case_12_the_coordinators_move(three_brokers: Cluster, names: Names, tmp_path: Path) -> None:
    """Three brokers are killed and started again in turn, so that every coordinator moves."""
    own = Surroundings(three_brokers.bootstrap, names, tmp_path)
    own.replication = 3
    own.prepare()
    with own.assigned_scorer() as scorer:
        with load(own) as sent:
            for broker in three_brokers.brokers:
                wait_for_rounds(sent, 3)
                broker.kill()
                wait_for_rounds(sent, 3)
                broker.start()
        assert_scores_all(own, scorer)
    assert own.assert_each_once() >= sum(sent)


def outputs_without_replicas(cluster: Cluster, names: Names, folder: Path) -> tuple[Surroundings, Process, set[int]]:
    """Return surroundings, the broker that leads the last scored partition, and the partitions that others lead.

    The input has three replicas, the output topics have one.
    """
    own = Surroundings(cluster.bootstrap, names, folder, partitions=6)
    input_topic, *outputs = own.topics
    own.replication = 3
    own.make_topics({input_topic: 6})
    led = {partition: partition % 3 for partition in range(6)}
    own.make_topics(dict.fromkeys(outputs, 6), led)
    wait_until(lambda: all(leaders(own.bootstrap, topic) == led for topic in outputs), 60, "leaders")
    own.model = save_model(folder / "models")
    return own, cluster.brokers[led[5]], {partition for partition, broker in led.items() if broker != led[5]}


@pytest.mark.kafka4
def test_an_output_partition_without_a_leader(three_brokers: Cluster, names: Names, tmp_path: Path) -> None:
    """When the leader of some partitions of the scored topic is killed, all others are scored meanwhile."""
    own, leader, healthy = outputs_without_replicas(three_brokers, names, tmp_path)
    with own.ready_scorer() as scorer:
        with load(own) as sent:
            wait_for_rounds(sent, 3)
            leader.kill()
            scorer.wait_for("partitions taken over again")
            for _ in range(4):  # the first time, a coordinator may have to move
                before = _positions(own)
                own.wait_for_positions({partition: before[partition] + 1 for partition in healthy}, timeout_s=60)
            stuck = _positions(own)
            assert all(stuck[partition] == before[partition] for partition in stuck.keys() - healthy)
            assert not scorer.is_ready
            leader.start()
        own.wait_until_committed(timeout_s=120)
        scorer.wait_until_ready()
        assert "Traceback" not in scorer.output, scorer.output
    assert own.assert_each_once() >= sum(sent)


def blocked_partitions(scorer: Service) -> set[int]:
    """Return the partitions whose previous owner can't be fenced, as its log names them."""
    lines = [line for line in scorer.lines("partitions not ready") if line["reason"] == NO_LEADER]
    return {partition for line in lines for partition in line["partitions"]}


def _has_no_leader(own: Surroundings, partition: int) -> bool:
    with suppress(*BROKEN):  # the request may go to the broker that is unavailable
        return leaders(own.bootstrap, own.settings["SCORED_TOPIC"])[partition] == -1
    return False


@pytest.mark.kafka4
def test_a_crash_during_a_leader_outage_blocks_that_owners_partitions(
    three_brokers: Cluster, names: Names, tmp_path: Path
) -> None:
    """All partitions of that owner are blocked until the leader is back, though only one is in its transaction."""
    own, leader, _ = outputs_without_replicas(three_brokers, names, tmp_path)
    with ExitStack() as stack:
        crashed = _paused_in_a_transaction(stack, own)
        leader.kill()
        _wait_until_no_leader(own)
        crashed.kill()
        scorer = stack.enter_context(own.scorer())
        own.send_payments(60)
        wait_until(lambda: blocked_partitions(scorer) == set(range(6)), 90, "all partitions are blocked")
        assert not scorer.is_ready
        positions = _positions(own)
        assert all(positions[partition] == 0 for partition in range(5))
        leader.start()
        scorer.wait_until_ready(timeout_s=4 * LONGEST_RETRY_S)
        own.wait_until_committed()
        assert "Traceback" not in scorer.output, scorer.output
    assert own.assert_each_once() == 110


@pytest.mark.kafka4
def test_a_decided_commit_during_a_leader_outage_blocks_no_other_partition(
    three_brokers: Cluster, names: Names, tmp_path: Path
) -> None:
    """A commit is acknowledged but can't be marked in the partition without a leader: a new owner continues."""
    own, leader, led = outputs_without_replicas(three_brokers, names, tmp_path)
    with ExitStack() as stack:
        scorer = _paused_in_a_transaction(stack, own)
        leader.kill()
        scorer.resume()  # before its session ends: the outage is noticed only after some seconds
        _wait_until_no_leader(own)
        own.send_payments(60)
        wait_until(
            lambda: all(own.positions().get(partition) == 10 for partition in led), 40, "the other ones are scored"
        )
        assert _positions(own)[5] == 50
        leader.start()
        scorer.wait_until_ready(timeout_s=4 * LONGEST_RETRY_S)
        own.wait_until_committed()
        assert "Traceback" not in scorer.output, scorer.output
    assert own.assert_each_once() == 110


def _paused_in_a_transaction(stack: ExitStack, own: Surroundings) -> Service:
    """Return a scorer that is paused within a transaction with one partition."""
    scorer = stack.enter_context(own.scorer(FAILPOINTS="offsets_sent=stop"))
    scorer.wait_until_ready()
    own.send([Message(payment(number), partition=5) for number in range(1, 51)])
    scorer.wait_until_paused()
    return scorer


def _wait_until_no_leader(own: Surroundings) -> None:
    wait_until(lambda: _has_no_leader(own, 5), 60, "the scored partition has no leader")


def _positions(own: Surroundings) -> dict[int, int]:
    """Return the positions of all partitions, once the group's coordinator, which may have moved, has loaded them."""
    wait_until(lambda: len(own.positions()) == own.partitions, 60, "all positions are known")
    return own.positions()


@pytest.mark.usefixtures("own_cluster_is_possible")
def test_case_13_cut_at_the_end_of_transactions(names: Names, tmp_path: Path) -> None:
    """The connection breaks just when a transaction is to end, before or after the broker has the request."""
    with EndTxnCutter() as cutter, ExitStack() as stack:
        cluster = Cluster(properties={"advertised.listeners": f"PLAINTEXT://127.0.0.1:{cutter.port}"})
        cutter.target = int(cluster.bootstrap.rpartition(":")[2])
        stack.enter_context(cluster)
        own = Surroundings(f"127.0.0.1:{cutter.port}", names, tmp_path).prepare()
        own.send_payments(4_000)
        cutter.left = 6
        with own.scorer(MAX_BATCH_RECORDS="200") as scorer:
            assert_scores_all(own, scorer)
            assert cutter.cuts == 6
        assert own.assert_each_once() == 4_000


def test_case_14_a_transaction_that_times_out(surroundings: Surroundings) -> None:
    """A scorer is stopped for longer than its transaction's 60 s: the broker aborts it, the batch is repeated."""
    surroundings.send_payments(500)
    with surroundings.scorer(FAILPOINTS="sent=stop") as scorer:
        scorer.wait_until_paused()
        place = surroundings.bootstrap, surroundings.settings["SCORED_TOPIC"]
        assert offsets.ends(*place) != offsets.ends(*place, "read_committed")
        wait_until(lambda: offsets.ends(*place) == offsets.ends(*place, "read_committed"), 120, "it is aborted")
        scorer.resume()
        surroundings.wait_until_committed()
        assert scorer.running, scorer.output
    assert surroundings.assert_each_once() == 500
    assert surroundings.aborted_records() == 500
