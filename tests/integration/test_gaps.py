"""Offsets without a record: transactions' markers, aborted records, compacted and deleted ones; on real Kafka."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Names
from tests.integration import tools
from tests.integration.archive import STAMP_MS, Archive, Stream
from tests.integration.broker import Cluster
from tests.integration.broker.deadline import wait_until
from tests.integration.scorer import Message, Surroundings, payment
from tests.integration.topic import alter_config, delete_records, read_all
from tests.integration.trained import save_model
from tests.oracle import committed_records, row_count

pytestmark = pytest.mark.partitions(1)  # so that each test knows its offsets
Fill = Callable[[Surroundings], None]
KEYS = 50
COMPACTED = {
    "cleanup.policy": "compact",
    "segment.ms": "1000",
    "min.cleanable.dirty.ratio": "0.0001",
    "message.timestamp.after.max.ms": str(2**63 - 1),
}


def _in_transactions(*sizes: int) -> Fill:
    """Return a function that fills the input with transactions of these sizes; a negative one is aborted."""

    def fill(surroundings: Surroundings) -> None:
        for size in sizes:
            surroundings.send_payments_in_transaction(abs(size), commit=size > 0)

    return fill


def _score(surroundings: Surroundings) -> None:
    """Score all committed records: `score` waits for an offset that a marker keeps from being committed."""
    with surroundings.scorer() as scorer:
        surroundings.wait_until_drained()
        scorer.wait_until_ready()
        scorer.stop()


@pytest.mark.kafka4
@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(_in_transactions(5), _in_transactions(-3, 4), id="first is aborted"),
        pytest.param(_in_transactions(5), _in_transactions(-6, 4), id="no offset comes again"),
        pytest.param(_in_transactions(-3, 4), _in_transactions(4, 1, 2), id="first is a marker"),
        pytest.param(_in_transactions(5), _in_transactions(-8), id="all are aborted"),
        pytest.param(_in_transactions(5), _in_transactions(1), id="shorter"),
        pytest.param(lambda scene: scene.send_payments(20), _in_transactions(*[1] * 20), id="one by one"),
    ],
)
def test_a_previous_topic_is_known_where_the_present_one_holds_no_record(
    surroundings: Surroundings, before: Fill, after: Fill
) -> None:
    """After re-creation and a transactional fill, `verify` and `rebuild` skip the previous topic's outputs."""
    before(surroundings)
    _score(surroundings)
    count = len(committed_records(surroundings.bootstrap, surroundings.topics[1]))
    surroundings.recreate()
    after(surroundings)
    with surroundings.scorer() as scorer:
        (line,) = scorer.wait_for("topic recreated")
        assert line["position"] == 0
        expected = len(committed_records(surroundings.bootstrap, surroundings.topics[0]))
        wait_until(lambda: row_count(surroundings.csv) == expected, 60, "the present topic is scored")
        scorer.wait_until_ready()
        scorer.stop()
    words = [f"each of {expected} records appears", f"{count} scored records"] if expected else ["Nothing to verify"]
    output = tools.succeed(surroundings, "verify")
    assert all(word in output for word in words), output
    rows = tools.rows(surroundings.csv) if expected else []
    tools.rebuild(surroundings, "--force")
    assert tools.rows(surroundings.csv) == rows


@pytest.mark.parametrize("topic", ["INPUT_TOPIC", "SCORED_TOPIC", "DLQ_TOPIC"])
def test_topics_that_end_without_a_record(surroundings: Surroundings, topic: str) -> None:
    """With aborted records and markers at the end of any topic, every tool reaches the end without waiting."""
    surroundings.send([Message(payment(number) if number % 4 else b"no") for number in range(40)])
    _score(surroundings)
    for _ in range(3):
        surroundings.send_payments_in_transaction(30, commit=False, topic=topic)
    output = tools.assert_well(surroundings, "each of 40 records appears exactly once (30 scored, 10 dead letters)")
    assert [line.split()[-1] for line in output.splitlines() if line.split()[:1] == ["all"]] == ["0"]
    assert "10" in tools.run(surroundings, "dlq", "list").output
    assert "10 replayed" in tools.run(surroundings, "dlq", "replay", "--all", "--yes").output
    tools.assert_rebuilt_the_same(surroundings)
    _score(surroundings)
    tools.assert_well(surroundings, "each of 50 records")


def test_the_dead_letter_at_an_offset(surroundings: Surroundings) -> None:
    """The command prints one line where the offset holds a marker or an aborted record."""
    surroundings.send([Message(b"no")])
    _score(surroundings)
    surroundings.send_payments_in_transaction(1, commit=False, topic="DLQ_TOPIC")
    end = len(read_all(surroundings.bootstrap, surroundings.topics[2])) + 3
    answers = [tools.run(surroundings, "dlq", "show", f"{surroundings.topics[2]}/0/{offset}") for offset in range(end)]
    assert [done.code for done in answers] == [0] + [1] * (end - 1)
    assert all(f"there is no dead letter at {surroundings.topics[2]}/0/" in done.output for done in answers[1:])


@pytest.mark.kafka4
def test_the_archive_of_a_re_created_scored_topic(surroundings: Surroundings, sqlite: Archive) -> None:
    """A marker at the offset of the last archived record is enough to recognize another topic."""
    Stream(surroundings).write(4)
    sqlite.fill()
    surroundings.recreate("SCORED_TOPIC")
    stream = Stream(surroundings)
    for payments in (3, 5):  # the marker of the first one is at offset 3
        stream.write(payments, stamp_ms=STAMP_MS + 1_000_000)
    with sqlite.archiver() as second:
        (line,) = second.wait_for("topic recreated")
        assert line["begins_at"] == 0
        wait_until(lambda: sqlite.count() == 4 + 3 + 5, 60, "both topics' rows")


def test_model_compare_counts_payments(surroundings: Surroundings) -> None:
    """The last 10 payments are 10, though each has a marker after it."""
    models = surroundings.folder / "models"
    challenger = save_model(models, strength=0.01)
    save_model(models, strength=0.001)
    tools.succeed(surroundings, "model", "challenge", challenger.version)
    surroundings.send_payments(30)
    with surroundings.scorer(MAX_BATCH_RECORDS="1") as scorer:
        scorer.wait_for("challenger changed")
        surroundings.wait_until_committed()
    for last, count in ((10, 10), (30, 30), (100, 30)):
        assert f"{count} payments scored by" in tools.run(surroundings, "model", "compare", "--last", str(last)).output


@pytest.fixture(scope="module")
def cleaning_cluster() -> Iterator[Cluster]:
    """Start a broker that compacts without delay."""
    with Cluster(properties={"log.cleaner.backoff.ms": "200"}) as cluster:
        yield cluster


@pytest.fixture
def compacted(own_cluster_is_possible: None, cleaning_cluster: Cluster, names: Names, tmp_path: Path) -> Surroundings:  # noqa: ARG001
    """Create a compacted input."""
    made = Surroundings(cleaning_cluster.bootstrap, names, tmp_path, partitions=1).prepare()
    alter_config(made.bootstrap, made.topics[0], COMPACTED)
    return made


def _send_keyed(surroundings: Surroundings) -> int:
    """Send four payments for each of 50 keys, of which compaction keeps the last ones; return their timestamp."""
    now_ms = int(time.time() * 1_000)
    surroundings.send(
        Message(payment(number + 1), b"%d" % (number % KEYS), timestamp_ms=now_ms) for number in range(4 * KEYS)
    )
    return now_ms


def _roll(surroundings: Surroundings, now_ms: int) -> None:
    """Send two payments so much later that the segment before them is closed; wait until that is compacted."""
    for late in (1, 2):
        surroundings.send([Message(payment(999), b"late-%d" % late, timestamp_ms=now_ms + late * 60_000)])
    topic = surroundings.topics[0]
    wait_until(lambda: len(read_all(surroundings.bootstrap, topic)) <= KEYS + 2, 60, "the input is compacted")


@pytest.mark.kafka4
def test_a_compacted_input_is_scored(compacted: Surroundings) -> None:
    """An input compacted before scoring is scored once, ready and without lag; all tools agree."""
    _roll(compacted, _send_keyed(compacted))
    with compacted.scorer() as scorer:
        compacted.wait_until_committed()
        scorer.wait_until_ready()
        scorer.stop()
    left = compacted.assert_each_once()
    assert left == KEYS + 2
    tools.assert_well(compacted, f"each of {left} records appears exactly once")
    tools.assert_rebuilt_the_same(compacted)
    compacted.send([Message(payment(number + 1), b"new-%d" % number) for number in range(10)])
    with compacted.scorer() as scorer:
        compacted.wait_until_committed()
        assert not scorer.lines("topic recreated"), scorer.output
    assert compacted.assert_each_once() == left + 10


def test_an_input_compacted_after_it_was_scored(compacted: Surroundings) -> None:
    """Outputs of records removed by compaction are not findings, and stay in a rebuilt CSV."""
    now_ms = _send_keyed(compacted)
    compacted.score()
    _roll(compacted, now_ms)
    compacted.score()
    output = tools.assert_well(compacted, "outputs are of records that compaction has removed")
    left = len(read_all(compacted.bootstrap, compacted.topics[0]))
    assert f"each of {left} records appears exactly once" in output
    assert len(tools.rows(compacted.csv)) == 4 * KEYS + 2
    tools.assert_rebuilt_the_same(compacted)
    compacted.csv.write_text("".join(compacted.csv.read_text().splitlines(keepends=True)[:-1]))
    tools.assert_findings(compacted, "in the scored topic only (1)")


def test_records_deleted_up_to_the_end(surroundings: Surroundings) -> None:
    """After DeleteRecords up to the end, markers too, nothing is judged, and new records are scored."""
    _in_transactions(20, -10)(surroundings)
    _score(surroundings)
    delete_records(surroundings.bootstrap, surroundings.topics[0], {0: -1})
    tools.succeed(surroundings, "verify")
    _in_transactions(7)(surroundings)
    with surroundings.scorer() as scorer:
        wait_until(lambda: row_count(surroundings.csv) == 27, 60, "the new payments are scored")
        scorer.wait_until_ready()
        scorer.stop()
    tools.assert_well(surroundings, "each of 7 records")
