"""`fraudstream dlq replay`, killed, doubled, disconnected from its broker: each letter is sent back exactly once."""

from collections import Counter
from collections.abc import Iterator

from fraudstream.dead_letter import REPLAY_OF, Place, dead_letter_headers
from fraudstream.payment import InvalidPayment
from tests.integration import tools
from tests.integration.broker import Cluster
from tests.integration.scorer import Message, Surroundings
from tests.oracle import committed_records

REPLAY = ("dlq", "replay", "--yes")
WHY = InvalidPayment(reason="not_an_object", detail="the message is JSON, but not an object")


def letters(surroundings: Surroundings, count: int) -> Iterator[Message]:
    """Return dead letters as a scorer writes them."""
    topic, partitions = surroundings.settings["INPUT_TOPIC"], surroundings.partitions
    for number in range(count):
        partition, offset = number % partitions, number // partitions
        headers = dead_letter_headers(Place(topic, partition, offset, 0), WHY)
        yield Message(b"[%d]" % number, partition=partition, headers=[(name, value or b"") for name, value in headers])


def assert_each_once(surroundings: Surroundings, count: int) -> None:
    """Assert that each letter's value is in the input once, and links to a letter of its own, which has one marker."""
    sent = committed_records(surroundings.bootstrap, surroundings.settings["INPUT_TOPIC"])
    assert Counter(record.value for record in sent) == Counter(b"[%d]" % number for number in range(count))
    links = Counter(dict(record.headers)[REPLAY_OF] for record in sent)
    assert set(links.values()) == {1}
    dlq = surroundings.settings["DLQ_TOPIC"]
    markers = Counter(
        f"{dlq}/{record.partition}/{int(dict(record.headers)['dlq.replayed_offset'])}".encode()
        for record in committed_records(surroundings.bootstrap, dlq)
        if record.value is None
    )
    assert markers == links


def test_killed_within_and_between_transactions(surroundings: Surroundings) -> None:
    """100,000 letters: killed with a transaction open, killed after a commit, then run to its end, and once more."""
    surroundings.send(letters(surroundings, 100_000), "DLQ_TOPIC")
    for failpoint in ("replay_sent=kill@12", "replay_committed=kill@12"):
        with surroundings.service("cli", *REPLAY, FAILPOINTS=failpoint) as killed:
            killed.wait_until_killed()
    output = tools.succeed(surroundings, *REPLAY)
    # 11 transactions of the first, 12 of the second: of 2,000 letters each, but the last one of a partition has 1,000
    assert "55,000 replayed into" in output
    assert_each_once(surroundings, 100_000)
    assert "100,000 already replayed" in tools.succeed(surroundings, *REPLAY, "--all")


def test_two_together(surroundings: Surroundings) -> None:
    """The second replay takes over; the first, paused within a transaction, logs one line and has sent nothing more."""
    surroundings.send(letters(surroundings, 20_000), "DLQ_TOPIC")
    with surroundings.service("cli", *REPLAY, FAILPOINTS="replay_sent=stop@3") as first:
        first.wait_until_paused()
        assert "16,000 replayed into" in tools.succeed(surroundings, *REPLAY)
        first.resume()
        assert "another replay has started" in first.wait_for_failure()
    assert_each_once(surroundings, 20_000)


def test_the_broker_is_restarted(own: Surroundings, own_cluster: Cluster) -> None:
    """A replay continues after a broker's restart, or names the action, after which it does."""
    own.send(letters(own, 20_000), "DLQ_TOPIC")
    with own.service("cli", *REPLAY, FAILPOINTS="replay_sent=stop@3") as first:
        first.wait_until_paused()
        own_cluster.broker.kill()
        first.resume()
        own_cluster.broker.start()
        code = first.wait(90)
        assert code == 0 or "run it again" in first.lines("stopped")[0]["reason"], first.output
        assert "Traceback" not in first.output
    tools.succeed(own, *REPLAY)
    assert_each_once(own, 20_000)
