"""Output topics whose settings refuse records: reported with setting and command; scored once they are changed."""

import hashlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.batches import Sent, batch
from tests.conftest import MakeCluster, Names
from tests.integration import tools
from tests.integration.broker.deadline import wait_until
from tests.integration.scorer import Message, Surroundings, payment
from tests.integration.service import Service
from tests.integration.topic import alter_config
from tests.oracle import committed_records, dead_letters
from tests.produce import RawProducer

pytestmark = pytest.mark.partitions(2)  # one to be blocked, one to continue

HOUR_MS = 3_600_000
BLOCKED, RESUMED = "scoring blocked", "scoring resumed"
LARGE = 2_300_000


def configure(scene: Surroundings, which: str, **settings: str) -> None:
    """Give a topic only these settings; underscores become dots."""
    configs = {name.replace("_", "."): value for name, value in settings.items()}
    alter_config(scene.bootstrap, scene.settings[which], configs)


def wait_until_blocked(scorer: Service, topic: str, setting: str, better: str = "") -> dict[str, Any]:
    """Wait for the error line; its text is the health check's too, and names topic, setting and command."""
    (line,) = scorer.wait_for(BLOCKED)
    assert line["level"] == "error"
    assert f"{topic} refuses records (" in line["reason"]
    assert setting in line["reason"]
    assert (
        f"--entity-type topics --entity-name {topic} --alter --add-config {setting.partition('=')[0]}={better}"
        in (line["reason"])
    )
    wait_until(lambda: scorer.heartbeat == line["reason"], 60, "its health check shows the reason")
    return line


def send_until(scene: Surroundings, message: Message, count: Callable[[], int], wanted: int) -> None:
    """Send the message repeatedly: a changed setting takes effect a moment later."""

    def reached() -> bool:
        if count() < wanted:
            scene.send([message])
        return count() >= wanted

    wait_until(reached, 120, f"counted {wanted}")


def assert_never_ready(scorer: Service, retries: int = 2) -> None:
    """Check that the scorer is never ready until the partition was taken over `retries` more times."""
    states = set[str]()
    seen = len(scorer.lines("partitions taken over again"))

    def taken_over() -> bool:
        states.add(scorer.heartbeat)
        return len(scorer.lines("partitions taken over again")) >= seen + retries

    scorer.wait_until(taken_over, 90, f"{retries} more retries")
    assert scorer.lines(BLOCKED)[0]["reason"] in states
    assert "ready" not in states


@pytest.mark.parametrize(
    ("count", "setting"),
    [
        pytest.param(3_000, {"max_message_bytes": "100000"}, id="ten batches of what the topic accepts"),
        pytest.param(3_000, {"max_message_bytes": "1000"}, id="more than 1,000 batches"),
        pytest.param(1_000, {"segment_bytes": "50000"}, id="a batch larger than a segment is refused otherwise"),
    ],
)
def test_batches_are_sized_by_the_scored_topic(surroundings: Surroundings, count: int, setting: dict[str, str]) -> None:
    """Payments in one partition make batches that the topic accepts."""
    configure(surroundings, "SCORED_TOPIC", **setting)
    surroundings.send_payments(count, partitions=1)
    with surroundings.scorer() as scorer:
        surroundings.wait_until_committed()
        assert not scorer.lines(BLOCKED)
        assert not scorer.lines("partitions taken over again")
    assert surroundings.assert_each_once() == count


def test_batches_are_sized_by_the_dead_letters_topic(surroundings: Surroundings) -> None:
    """Of 300 messages of 900 bytes one is larger than the topic accepts, and is truncated."""
    configure(surroundings, "DLQ_TOPIC", max_message_bytes="20000")
    surroundings.send([*[Message(b"x" * 900)] * 300, Message(b"y" * 30_000)])
    with surroundings.scorer() as scorer:
        surroundings.wait_until_committed()
        assert not scorer.lines(BLOCKED)
    assert surroundings.assert_each_once() == 301
    (letter,) = dead_letters(surroundings.bootstrap, surroundings.settings["DLQ_TOPIC"])[0, 300]
    headers = dict(letter.headers)
    assert headers["dlq.value_bytes"] == b"30000"
    assert headers["dlq.value_sha256"] == hashlib.sha256(b"y" * 30_000).hexdigest().encode()
    assert 18_000 < len(letter.value or b"") < 20_000


def test_a_message_of_ten_megabytes(surroundings: Surroundings) -> None:
    """With a raised limit of the input, the letter has the message's beginning and hash; its partition continues."""
    configure(surroundings, "INPUT_TOPIC", max_message_bytes=str(16 << 20))
    value = Random(1).randbytes(10_000_000)
    with RawProducer(surroundings.bootstrap) as producer:
        large = batch([Sent(1_790_000_000_000, b"k", value, ())])
        assert producer.send(surroundings.settings["INPUT_TOPIC"], 0, large) == 0
    surroundings.send_payments(10)
    surroundings.score()
    assert surroundings.assert_each_once() == 11
    (letter,) = dead_letters(surroundings.bootstrap, surroundings.settings["DLQ_TOPIC"])[0, 0]
    headers = dict(letter.headers)
    assert headers["dlq.value_bytes"] == b"10000000"
    assert headers["dlq.value_sha256"] == hashlib.sha256(value).hexdigest().encode()
    assert value.startswith(letter.value or b"no value")
    assert (2 << 20) - 2_000 < len(letter.value or b"") < 2 << 20
    tools.assert_well(surroundings)


def test_a_key_or_headers_that_do_not_fit_are_removed(surroundings: Surroundings) -> None:
    """Dead letters and scored payments lose key or headers that do not fit; a replay leaves such letters out."""
    key = b"k" * LARGE
    headers = [("h", b"v" * LARGE)]
    messages = [Message(b"broken", key), Message(payment(1), key), Message(b"broken", b"1", headers=headers)]
    for message in messages:
        surroundings.send([message], compression_type="gzip")
    surroundings.send_payments(10)
    with surroundings.scorer() as scorer:
        surroundings.wait_until_committed()
        assert not scorer.lines(BLOCKED)
        assert "Traceback" not in scorer.output
    assert surroundings.assert_each_once() == 13
    letters = dead_letters(surroundings.bootstrap, surroundings.settings["DLQ_TOPIC"])
    without_key, without_headers = letters[0, 0][0], letters[0, 2][0]
    assert (without_key.key, without_key.value) == (None, b"broken")
    assert removed_part(without_key.headers, "dlq.key") == (LARGE, hashlib.sha256(key).hexdigest())
    assert (without_headers.key, without_headers.value) == (b"1", b"broken")
    assert removed_part(without_headers.headers, "dlq.headers")[0] == LARGE + 9
    assert "h" not in dict(without_headers.headers)
    scores = committed_records(surroundings.bootstrap, surroundings.settings["SCORED_TOPIC"])
    (score,) = [record for record in scores if record.headers]
    assert removed_part(score.headers, "scored.key") == (LARGE, hashlib.sha256(key).hexdigest())
    done = tools.run(surroundings, "dlq", "replay", "--yes")
    assert "2 stored without a key or headers that were too large" in done.output
    tools.assert_well(surroundings)


def removed_part(headers: Any, part: str) -> tuple[int, str]:
    """Return the size and the SHA-256 of a removed part."""
    notes: Mapping[str, bytes] = dict(headers)
    return int(notes[f"{part}_bytes"]), notes[f"{part}_sha256"].decode()


@pytest.mark.parametrize("guarantee", ["exactly_once", "at_least_once"])
def test_a_timestamp_outside_the_window(surroundings: Surroundings, guarantee: str) -> None:
    """A timestamp outside the window blocks only its partition, until the window is wider."""
    configure(surroundings, "SCORED_TOPIC", message_timestamp_before_max_ms=str(HOUR_MS))
    long_ago_ms = int(1_000 * time.time()) - 2 * HOUR_MS
    surroundings.send([Message(payment(1)), Message(payment(2), timestamp_ms=long_ago_ms)])
    with surroundings.scorer(LOG_LEVEL="debug", PROCESSING_GUARANTEE=guarantee) as scorer:
        wait_until(lambda: scorer.is_ready or bool(scorer.lines(BLOCKED)), 120, "blocked")
        assert not scorer.is_ready, "not known before its first cycle"
        wait_until_blocked(scorer, surroundings.settings["SCORED_TOPIC"], f"message.timestamp.before.max.ms={HOUR_MS}")
        surroundings.send([Message(payment(number), partition=1) for number in range(3, 10)])
        surroundings.wait_for_positions({1: 7})
        assert_never_ready(scorer)
        assert surroundings.positions()[0] <= 0
        configure(surroundings, "SCORED_TOPIC", message_timestamp_before_max_ms=str(10 * HOUR_MS))
        surroundings.wait_until_committed()
        scorer.wait_for(RESUMED)
        scorer.wait_until_ready()
        assert len(scorer.lines(BLOCKED)) == 1
        assert "Traceback" not in scorer.output
    if guarantee == "exactly_once":
        assert surroundings.assert_each_once() == 9


@pytest.mark.parametrize(
    ("which", "setting", "value", "good", "message"),
    [
        ("SCORED_TOPIC", "cleanup.policy", "compact", "delete", Message(payment(1))),
        ("DLQ_TOPIC", "cleanup.policy", "compact", "delete", Message(b"broken")),
        ("SCORED_TOPIC", "max.message.bytes", "300", "1048588", Message(payment(1), b"1")),
        ("SCORED_TOPIC", "segment.bytes", "300", "1073741824", Message(payment(1), b"1")),
        (
            "SCORED_TOPIC",
            "message.timestamp.after.max.ms",
            str(HOUR_MS),
            str(2**63 - 1),
            Message(payment(1), timestamp_ms=400_000_000_000_000),
        ),
        (
            "SCORED_TOPIC",
            "message.timestamp.difference.max.ms",
            str(HOUR_MS),
            str(2**63 - 1),
            Message(payment(1), timestamp_ms=1_700_000_000_000),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_setting_that_refuses_records(
    surroundings: Surroundings, which: str, setting: str, value: str, good: str, message: Message
) -> None:
    """A refusing setting is named with the command that changes it, also when changed at run time, either way."""
    topic = surroundings.settings[which]
    with surroundings.ready_scorer() as scorer:
        alter_config(surroundings.bootstrap, topic, {setting: value})
        send_until(surroundings, message, lambda: len(scorer.lines(BLOCKED)), 1)
        wait_until_blocked(scorer, topic, f"{setting}={value}", good)
        alter_config(surroundings.bootstrap, topic, {setting: good})
        surroundings.wait_until_committed()
        scorer.wait_for(RESUMED)
        scorer.wait_until_ready()
        assert "Traceback" not in scorer.output
    assert surroundings.assert_each_once() > 0


def test_a_limit_that_is_lowered_and_raised_while_it_runs(surroundings: Surroundings) -> None:
    """Batches follow the limit: nothing is blocked, and letters are truncated only while necessary."""
    letter = Message(b"x" * 20_000)
    with surroundings.ready_scorer() as scorer:
        for round_, limit in enumerate((5_000, 100_000), 1):
            for topic in ("SCORED_TOPIC", "DLQ_TOPIC"):
                configure(surroundings, topic, max_message_bytes=str(limit))
            surroundings.send_payments(1_000)
            send_until(surroundings, letter, lambda: len(scorer.lines("topic settings changed")), 2 * round_)
            surroundings.send([letter])
            surroundings.wait_until_committed()
            last = committed_records(surroundings.bootstrap, surroundings.settings["DLQ_TOPIC"])[-1]
            assert len(last.value or b"") == 20_000 if limit > 20_000 else 4_000 < len(last.value or b"") < limit
        assert not scorer.lines(BLOCKED)
    assert surroundings.assert_each_once() > 2_000


def test_the_brokers_timestamps_are_reported_once(surroundings: Surroundings) -> None:
    """The broker's timestamps block nothing."""
    configure(surroundings, "SCORED_TOPIC", message_timestamp_type="LogAppendTime")
    surroundings.send_payments(100)
    with surroundings.scorer() as scorer:
        surroundings.wait_until_committed()
        (line,) = scorer.lines("topic setting affects records")
        assert (line["topic"], line["setting"]) == (
            surroundings.settings["SCORED_TOPIC"],
            "message.timestamp.type=LogAppendTime",
        )
    assert surroundings.assert_each_once() == 100


def test_brokers_that_refuse_the_transactions_timeout(make_cluster: MakeCluster, names: Names, tmp_path: Path) -> None:
    """The setting is named and nothing is scored: a new group does not start, another one waits for the brokers."""
    cluster = make_cluster(properties={"transaction.max.timeout.ms": "30000"})
    scene = Surroundings(cluster.bootstrap, names, tmp_path, partitions=2).prepare()
    scene.send_payments(10)
    setting = "transaction.max.timeout.ms in each broker's configuration must be at least 60000"
    with scene.scorer() as scorer:
        reason = scorer.wait_for_failure()
        assert setting in reason
        assert scene.committed() == 0
    scene.score(PROCESSING_GUARANTEE="at_least_once")
    scene.send_payments(10)
    with scene.scorer() as scorer:
        (line,) = scorer.wait_for("partitions not ready")
        assert setting in line["reason"]
        wait_until(lambda: scorer.heartbeat == line["reason"], 60, "its health check shows the reason")
        assert scene.committed() == 10
