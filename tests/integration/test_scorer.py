"""The scorer on real Kafka: each kind of message, and each missing or broken dependency."""

import time
from pathlib import Path

import pytest

from fraudstream.scored_payment import HEADER
from tests.conftest import Names
from tests.integration import tools
from tests.integration.broker import Cluster
from tests.integration.broker.deadline import wait_until
from tests.integration.scorer import READY, Message, Surroundings, payment, save_model
from tests.oracle import assert_each_once, committed_records, csv_rows, dead_letters, scored, wait_until_drained
from tests.unit.test_events import NO_JSON, WRONG_FIELDS, with_field, with_unknown


@pytest.fixture
def surroundings(kafka_bootstrap: str, names: Names, tmp_path: Path) -> Surroundings:
    """Create topics, a model and a folder."""
    return Surroundings(kafka_bootstrap, names, tmp_path).prepare()


BAD: dict[str, tuple[bytes | None, str]] = {
    "tombstone": (None, "tombstone"),
    "empty": (b"", "empty"),
    "an array": (b"[1,2]", "not_an_object"),
    "a number": (b"42", "not_an_object"),
    "a string": (b'"payment"', "not_an_object"),
    "null": (b"null", "not_an_object"),
    "a missing field": (b'{"payment_id":1}', "missing_field"),
    "900 KB that are not JSON": (b'{"x":"' + b"a" * 900_000, "invalid_json"),
    **{name: (value, "invalid_json") for name, value in NO_JSON.items()},
    **{f"{name}={raw}": (with_field(name, raw), "") for name, raw in WRONG_FIELDS},
    "one half": (b'{"payment_id":1,"x":[{}', "invalid_json"),
    "the other half": (b"{}]}", "invalid_json"),
}


def test_bad_messages_are_kept_and_good_ones_scored(surroundings: Surroundings) -> None:
    """Each invalid message is a dead letter, byte for byte, with its reason; its neighbours are scored."""
    messages, bad = [], {}
    for number, (name, (value, reason)) in enumerate(BAD.items()):
        messages.append(Message(payment(number + 1), key=b"k", partition=number % 4))
        bad[name] = Message(value, b"\xff" + name.encode(), number % 4, headers=[("h", b"1"), ("h", b"2")])
        messages.append(bad[name])
        assert reason or "=" in name
    messages += [Message(payment(10_000 + partition), partition=partition) for partition in range(4)]
    surroundings.send(messages)
    with surroundings.scorer() as scorer:
        scorer.wait_for(READY)
        wait_until_drained(surroundings.csv, surroundings.bootstrap, surroundings.settings)
        scorer.terminate()
        assert scorer.wait() == 0, scorer.output
        assert "Traceback" not in scorer.output
    count = assert_each_once(surroundings.csv, surroundings.bootstrap, surroundings.settings)
    assert count == len(messages)
    letters = dead_letters(surroundings.bootstrap, surroundings.settings["DLQ_TOPIC"])
    assert len(letters) == len(BAD)
    for (partition, _), (letter,) in letters.items():
        assert letter.key is not None
        name = letter.key[1:].decode()
        headers = dict(letter.headers)
        assert letter.value == bad[name].value
        assert letter.partition == partition == bad[name].partition
        assert list(letter.headers)[:2] == [("h", b"1"), ("h", b"2")]
        assert headers["dlq.reason"].decode() == (BAD[name][1] or headers["dlq.reason"].decode())
        assert headers["dlq.topic"].decode() == surroundings.settings["INPUT_TOPIC"]
        assert headers["dlq.detail"]


UNUSUAL = {
    "timestamp -1": Message(payment(1), timestamp_ms=-1),
    "a negative timestamp": Message(payment(2), timestamp_ms=-86_400_000),
    "after year 9999": Message(payment(3), timestamp_ms=400_000_000_000_000),
    "no key": Message(payment(4), key=None),
    "an empty key": Message(payment(5), key=b""),
    "a key of 900 KB": Message(payment(6), key=b"k" * 900_000),
    "a key that is not UTF-8": Message(payment(7), key=b"\xff\xfe"),
    "a thousand headers": Message(payment(8), headers=[(f"header-{n}", b"v" * 10) for n in range(1_000)]),
    "a 900 KB payment": Message(with_unknown('"' + "a" * 900_000 + '"')),
}


def test_unusual_records_are_scored_like_any_other(surroundings: Surroundings) -> None:
    """Any timestamp, key, headers and size are accepted; the scored record keeps key and timestamp."""
    for message in UNUSUAL.values():
        surroundings.send([message])
    with surroundings.scorer() as scorer:
        wait_until_drained(surroundings.csv, surroundings.bootstrap, surroundings.settings)
        assert "Traceback" not in scorer.output
    assert assert_each_once(surroundings.csv, surroundings.bootstrap, surroundings.settings) == len(UNUSUAL)
    rows = csv_rows(surroundings.csv)
    assert len(rows) == len(UNUSUAL)
    assert [rows[0, offset][0]["timestamp"] for offset in range(3)] == ["", "1969-12-31T00:00:00.000Z", ""]
    events = committed_records(surroundings.bootstrap, surroundings.settings["SCORED_TOPIC"])
    assert [event.timestamp for event in events][:3] == [-1, -86_400_000, 400_000_000_000_000]
    assert [event.key for event in events][3:7] == [None, b"", b"k" * 900_000, b"\xff\xfe"]


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_every_codec_is_read(surroundings: Surroundings, codec: str) -> None:
    """Payments in every compression codec are scored."""
    surroundings.send(
        [Message(payment(number), partition=number % 4) for number in range(1, 401)], compression_type=codec
    )
    with surroundings.scorer():
        wait_until_drained(surroundings.csv, surroundings.bootstrap, surroundings.settings)
    assert assert_each_once(surroundings.csv, surroundings.bootstrap, surroundings.settings) == 400


def test_a_line_a_payment_while_they_come_slowly(surroundings: Surroundings) -> None:
    """Each line has id, amount, probability and decision."""
    with surroundings.scorer() as scorer:
        scorer.wait_for(READY)
        surroundings.send([Message(payment(1)), Message(b"{}")])
        (line,) = scorer.wait_for("payment scored")
        (letter,) = scorer.wait_for("dead letter")
    assert line["payment_id"] == 1
    assert line["amount"] == 11.5
    assert 0 < line["fraud_probability"] < 1
    assert line["decision"] in {"approve", "review", "block"}
    assert letter["reason"] == "missing_field"


def test_a_summary_when_they_come_fast(surroundings: Surroundings) -> None:
    """Payments without a line of their own are counted."""
    surroundings.send([Message(payment(number), partition=number % 4) for number in range(1, 20_001)])
    with surroundings.scorer() as scorer:
        wait_until_drained(surroundings.csv, surroundings.bootstrap, surroundings.settings)
        scorer.terminate()
        assert scorer.wait() == 0
        summaries = scorer.lines("payments scored")
        single = scorer.lines("payment scored")
    assert sum(line["scored"] for line in summaries) + len(single) == 20_000
    assert sum(line["lines_left_out"] for line in summaries) + len(single) == 20_000
    assert len(single) + len(summaries) < 60


def test_stopped_under_load_it_drains_and_resumes_where_it_was(surroundings: Surroundings) -> None:
    """On SIGTERM the scorer exits with 0, and a second start repeats nothing."""
    surroundings.send([Message(payment(number), partition=number % 4) for number in range(1, 30_001)])
    for _ in range(3):
        with surroundings.scorer() as scorer:
            scorer.wait_for("payments scored")
            began = time.monotonic()
            scorer.terminate()
            assert scorer.wait() == 0, scorer.output
            assert time.monotonic() - began < 10
        surroundings.send([Message(payment(number), partition=number % 4) for number in range(1, 5_001)])
    with surroundings.scorer():
        wait_until_drained(surroundings.csv, surroundings.bootstrap, surroundings.settings)
    assert assert_each_once(surroundings.csv, surroundings.bootstrap, surroundings.settings) == 45_000


def test_replicas_come_and_go_under_load(surroundings: Surroundings) -> None:
    """From one to three scorers and back, each record is scored once, and all scorers get partitions."""
    total = 0
    with surroundings.scorer() as first:
        first.wait_for(READY)
        with surroundings.scorer() as second, surroundings.scorer() as third:
            for _ in range(10):
                surroundings.send([Message(payment(number), partition=number % 4) for number in range(1, 2_001)])
                total += 2_000
            for service in (second, third):
                service.wait_for(READY)
            wait_until(
                lambda: all(
                    len(service.lines(READY)[-1]["partitions"]) in {1, 2} for service in (first, second, third)
                ),
                30,
                "partitions are shared",
            )
            for service in (second, third):
                service.terminate()
                assert service.wait() == 0, service.output
        wait_until_drained(surroundings.csv, surroundings.bootstrap, surroundings.settings)
    assert assert_each_once(surroundings.csv, surroundings.bootstrap, surroundings.settings) == total
    assert surroundings.csv.read_text().count(HEADER) == 1


def test_more_replicas_than_partitions(kafka_bootstrap: str, names: Names, tmp_path: Path) -> None:
    """A member without partitions is healthy, and takes over when the other one leaves."""
    surroundings = Surroundings(kafka_bootstrap, names, tmp_path, partitions=1).prepare()
    with surroundings.scorer() as first:
        first.wait_for(READY)
        with surroundings.scorer() as second:
            second.wait_for(READY)
            owner, other = (first, second) if first.lines(READY)[-1]["partitions"] else (second, first)
            owner.terminate()
            assert owner.wait() == 0
            wait_until(lambda: other.lines(READY)[-1]["partitions"] == [0], 30, "the other one owns the partition")
            surroundings.send([Message(payment(number)) for number in range(1, 11)])
            wait_until_drained(surroundings.csv, surroundings.bootstrap, surroundings.settings)
    assert assert_each_once(surroundings.csv, surroundings.bootstrap, surroundings.settings) == 10


def test_latest_is_for_the_very_first_start_only(surroundings: Surroundings) -> None:
    """Messages before the first start are skipped; messages sent while no scorer runs are not."""
    surroundings.send([Message(payment(number)) for number in range(1, 11)])
    with surroundings.scorer(AUTO_OFFSET_RESET="latest") as scorer:
        scorer.wait_for(READY)
        scorer.terminate()
        assert scorer.wait() == 0
        assert not scorer.lines("csv begins here")
    surroundings.send([Message(payment(number), partition=number % 4) for number in range(11, 31)])
    with surroundings.scorer(AUTO_OFFSET_RESET="latest"):
        wait_until(lambda: len(csv_rows(surroundings.csv)) == 20, 30, "20 rows")
    assert {int(rows[0]["payment_id"]) for rows in csv_rows(surroundings.csv).values()} == set(range(11, 31))


def test_two_hosts_with_a_csv_each(surroundings: Surroundings, tmp_path: Path) -> None:
    """With one group and two independent CSVs, the topic has each payment once, each CSV the ones scored there."""
    theirs = tmp_path / "there" / surroundings.csv.name
    theirs.parent.mkdir()
    hosts: list[tuple[Path, dict[str, str]]] = [
        (surroundings.csv, {}),
        (theirs, {"CSV_PATH": str(theirs)}),
        (surroundings.csv, {}),
    ]
    said = []
    for turn, (csv, settings) in enumerate(hosts):
        with surroundings.scorer(**settings) as scorer:
            scorer.wait_for(READY)
            surroundings.send_payments(400)
            surroundings.wait_until_committed()
            scorer.terminate()
            assert scorer.wait() == 0
            said.append([event for event in ("csv begins here", "group ahead") if scorer.lines(event)])
        assert len(csv_rows(csv)) == 400 * (turn // 2 + 1)
    assert said == [[], ["csv begins here"], ["group ahead"]]
    everywhere = [*csv_rows(surroundings.csv), *csv_rows(theirs)]
    assert len(everywhere) == len(set(everywhere)) == 1_200
    events = scored(surroundings.bootstrap, surroundings.settings["SCORED_TOPIC"])
    assert {len(found) for found in events.values()} == {1}
    assert set(events) == set(everywhere)
    assert "each of 1,200 records" in tools.run(surroundings, "verify", "--without-csv").output
    tools.assert_findings(surroundings, "in the scored topic only (400)")


def test_at_least_once_keeps_the_csv_exactly_once(surroundings: Surroundings) -> None:
    """Without transactions, a clean run is exactly once too."""
    surroundings.send([Message(payment(number), partition=number % 4) for number in range(1, 5_001)])
    with surroundings.scorer(PROCESSING_GUARANTEE="at_least_once"):
        wait_until_drained(surroundings.csv, surroundings.bootstrap, surroundings.settings)
    assert assert_each_once(surroundings.csv, surroundings.bootstrap, surroundings.settings) == 5_000


def test_a_broker_that_is_not_up_yet_is_waited_for(names: Names, tmp_path: Path) -> None:
    """The scorer logs that it waits, then works."""
    cluster = Cluster()
    try:
        surroundings = Surroundings(cluster.bootstrap, names, tmp_path)
        save_model(tmp_path / "models")
        with surroundings.scorer() as scorer:
            scorer.wait_for("waiting for Kafka")
            cluster.start()
            surroundings.prepare()
            surroundings.send([Message(payment(number)) for number in range(1, 11)])
            wait_until_drained(surroundings.csv, cluster.bootstrap, surroundings.settings)
            assert scorer.running
    finally:
        cluster.stop()


@pytest.mark.parametrize("how", ["terminate", "kill"])
def test_a_broker_that_restarts_is_waited_for(own_cluster: Cluster, names: Names, tmp_path: Path, how: str) -> None:
    """The same process continues by itself, and nothing is lost or repeated."""
    surroundings = Surroundings(own_cluster.bootstrap, names, tmp_path).prepare()
    with surroundings.scorer() as scorer:
        surroundings.send([Message(payment(number), partition=number % 4) for number in range(1, 2_001)])
        scorer.wait_for("payments scored")
        getattr(own_cluster.broker, how)()
        own_cluster.broker.start()
        surroundings.send([Message(payment(number), partition=number % 4) for number in range(1, 2_001)])
        wait_until_drained(surroundings.csv, own_cluster.bootstrap, surroundings.settings)
        assert scorer.running, scorer.output
        assert "Traceback" not in scorer.output, scorer.output
    assert assert_each_once(surroundings.csv, own_cluster.bootstrap, surroundings.settings) == 4_000


@pytest.mark.parametrize("state", ["missing", "corrupt"])
def test_without_a_fit_model_it_says_so_and_ends(surroundings: Surroundings, state: str) -> None:
    """One line names the fix; exit code 1, no traceback, nothing scored."""
    models = surroundings.folder / "models"
    for file in [models / "fraud_model.pkl", *models.glob("versions/*/fraud_model.pkl")]:
        if state == "missing":
            file.unlink()
        else:
            file.write_bytes(b"garbage")
    with surroundings.scorer() as scorer:
        assert scorer.wait() == 1
        (line,) = scorer.lines("stopped")
        assert "train" in line["reason"]
        assert "Traceback" not in scorer.output
    assert not surroundings.csv.exists()


@pytest.mark.parametrize("obstacle", ["folder missing", "a folder in its place"])
def test_a_csv_that_can_not_be_written_is_waited_for(surroundings: Surroundings, obstacle: str) -> None:
    """No offset moves; once the folder is writable, the scorer continues by itself."""
    if obstacle == "folder missing":
        surroundings.csv.parent.rmdir()
    else:
        surroundings.csv.mkdir()
    surroundings.send([Message(payment(number), partition=number % 4) for number in range(1, 101)])
    with surroundings.scorer() as scorer:
        (line,) = scorer.wait_for("not ready")
        assert str(surroundings.csv.parent) in line["reason"]
        assert not scored(surroundings.bootstrap, surroundings.settings["SCORED_TOPIC"])
        if obstacle == "folder missing":
            surroundings.csv.parent.mkdir()
        else:
            surroundings.csv.rmdir()
        wait_until_drained(surroundings.csv, surroundings.bootstrap, surroundings.settings)
        assert "Traceback" not in scorer.output
    assert assert_each_once(surroundings.csv, surroundings.bootstrap, surroundings.settings) == 100


def test_a_folder_lost_while_running_is_waited_for(surroundings: Surroundings) -> None:
    """A folder lost at run time is waited for without a commit, and scoring resumes by itself."""
    with surroundings.scorer() as scorer:
        scorer.wait_for(READY)
        surroundings.send([Message(payment(number), partition=number % 4) for number in range(1, 101)])
        wait_until_drained(surroundings.csv, surroundings.bootstrap, surroundings.settings)
        away = surroundings.folder / "away"
        surroundings.csv.parent.rename(away)
        surroundings.send([Message(payment(number), partition=number % 4) for number in range(1, 101)])
        scorer.wait_for("scoring blocked")
        away.rename(surroundings.csv.parent)
        wait_until_drained(surroundings.csv, surroundings.bootstrap, surroundings.settings)
        scorer.wait_for("scoring resumed")
    assert assert_each_once(surroundings.csv, surroundings.bootstrap, surroundings.settings) == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROCESSING_GUARANTEE", "at_most_once"),
        ("AUTO_OFFSET_RESET", "none"),
        ("INPUT_TOPIC", "with space"),
        ("MAX_BATCH_RECORDS", "0"),
        ("LOG_LEVEL", "loud"),
        ("REVIEW_THRESHOLD", "2"),
    ],
)
def test_a_wrong_setting_is_named_at_start(surroundings: Surroundings, name: str, value: str) -> None:
    """Exit code 1 and one line with the variable's name."""
    with surroundings.scorer(**{name: value}) as scorer:
        assert scorer.wait() == 1
        assert name in scorer.output
        assert "Traceback" not in scorer.output


def test_too_few_partitions_are_reported_at_start(surroundings: Surroundings, names: Names) -> None:
    """The message has the command that adds them."""
    few = names("few")
    surroundings.make_topics({few: 2})
    with surroundings.scorer(SCORED_TOPIC=few) as scorer:
        assert scorer.wait(60) == 1
        (line,) = scorer.lines("stopped")
    assert few in line["reason"]
    assert "TOPIC_PARTITIONS=4 fraudstream topics" in line["reason"]


def test_a_missing_topic_is_reported_at_start(surroundings: Surroundings, names: Names) -> None:
    """The message has the command that creates it."""
    with surroundings.scorer(DLQ_TOPIC=names("absent")) as scorer:
        assert scorer.wait(60) == 1
        (line,) = scorer.lines("stopped")
    assert "fraudstream topics" in line["reason"]
