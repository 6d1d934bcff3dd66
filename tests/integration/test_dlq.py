"""`fraudstream dlq` as a user runs it: letters listed, exported, fixed, replayed, scored."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.broker import EmbeddedBroker
from fraudstream.dead_letter import REPLAY_OF, Place, dead_letter_headers
from fraudstream.payment import InvalidPayment
from tests.integration import tools
from tests.integration.scorer import Message, Surroundings, payment
from tests.integration.topic import alter_config, delete_records, read_all
from tests.oracle import Record, committed_records

pytestmark = [pytest.mark.kafka4, pytest.mark.partitions(2)]

COUNT = 20
NO_TEXT = b'\xff{"payment_id":'


def broken(number: int) -> bytes:
    """Return a message with a producer's error: the amount as text."""
    fields = json.loads(payment(number))
    return json.dumps(fields | {"amount": f"{fields['amount']:.2f}"}).encode()


def place(surroundings: Surroundings, partition: int, offsets: int | str) -> str:
    """Return the place of messages in the input, as the commands accept it."""
    return f"{surroundings.settings['INPUT_TOPIC']}/{partition}/{offsets}"


def send_broken(surroundings: Surroundings) -> None:
    """Send 20 payments with a wrong field, one message that is not text, and a valid payment among them."""
    messages = [
        Message(broken(number + 1), b"key-%d" % number, number % 2, headers=[("trace", b"\x00\xff")])
        for number in range(COUNT)
    ]
    surroundings.send([*messages, Message(NO_TEXT, partition=1), Message(payment(999), partition=1)])
    # with a transaction, the committed offset never reaches the topic's end
    surroundings.wait_until_drained()


@pytest.fixture
def scored(surroundings: Surroundings) -> Iterator[Surroundings]:
    """Run a scorer on these topics."""
    with surroundings.scorer() as scorer:
        yield surroundings
        scorer.stop()


def replays(surroundings: Surroundings) -> list[Record]:
    """Return the messages sent to the input by replays."""
    records = committed_records(surroundings.bootstrap, surroundings.settings["INPUT_TOPIC"])
    return [record for record in records if REPLAY_OF in dict(record.headers)]


def replay_with_answer(surroundings: Surroundings, answer: bytes, *arguments: str) -> str:
    """Return the output of a replay that asks at a terminal and gets this answer."""
    ours, its = os.openpty()
    try:
        os.write(ours, answer)
        done = subprocess.run(
            [sys.executable, "-m", "cli", "dlq", "replay", *arguments],
            env=surroundings.settings | {"PATH": os.environ["PATH"]},
            stdin=its,
            capture_output=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(its)
    assert b"Traceback" not in done.stderr
    return done.stdout.decode()


def test_letters_are_fixed_replayed_and_scored(scored: Surroundings) -> None:
    """Letters are fixed, replayed and scored by commands alone; then nothing is left to replay, verify is clean."""
    send_broken(scored)
    listed = tools.run(scored, "dlq", "list", "--last", "3").output
    assert "21 dead letters, 21 not replayed" in listed
    listed = tools.run(scored, "dlq", "list", "--reason", "invalid_field").output
    assert "invalid_field: amount: Input should be a valid number\n" in listed
    for partition in range(2):
        assert f"\n  {place(scored, partition, '0-9')}  " in listed
    lines = tools.run(scored, "dlq", "list", "--json", "--reason", "invalid_json").output.splitlines()
    (line,) = map(json.loads, lines)
    shown = tools.run(scored, "dlq", "show", line["place"]).output
    assert f"dead letter {line['place']}\n" in shown
    assert "\\xff{" in shown
    own = f"{scored.settings['DLQ_TOPIC']}/{line['partition']}/{line['offset']}"
    assert f"stored as   {own}\n" in shown
    assert tools.run(scored, "dlq", "show", own).output == shown
    file = scored.folder / "letters.jsonl"
    tools.run(scored, "dlq", "export", "--out", str(file))
    assert len(file.read_text().splitlines()) == COUNT + 1
    assert "--force" in tools.fail(scored, "dlq", "export", "--out", str(file))
    # the edit that the documentation makes with sed
    text = file.read_text()
    for number in range(COUNT):
        amount = json.loads(broken(number + 1))["amount"]
        text = text.replace(f'\\"amount\\": \\"{amount}\\"', f'\\"amount\\": {amount}')
    file.write_text(text)
    replay = ("dlq", "replay", "--from", str(file), "--reason", "invalid_field", "--yes")
    output = tools.succeed(scored, *replay)
    assert "All of them can be scored now." in output
    assert "20 edited, 0 unchanged" in output
    sent = replays(scored)
    dlq = scored.settings["DLQ_TOPIC"]
    assert len(sent) == len({dict(record.headers)[REPLAY_OF] for record in sent}) == COUNT
    for record in sent:
        headers = dict(record.headers)
        assert headers["trace"] == b"\x00\xff"
        assert (headers[REPLAY_OF] or b"").startswith(f"{dlq}/{record.partition}/".encode())
        assert abs(record.timestamp / 1_000 - time.time()) < 60
        assert (record.key or b"").startswith(b"key-")
    scored.wait_until_drained()
    assert scored.assert_each_once() == 2 * COUNT + 2
    tools.assert_well(scored, f"({COUNT + 1} scored, {COUNT + 1} dead letters)", "20 dead letters were replayed")
    assert "20 already replayed" in tools.succeed(scored, *replay)
    assert "20 dead letters, 0 not replayed" in tools.run(scored, "dlq", "list", "--replayed").output
    assert len(replays(scored)) == COUNT
    markers = [record for record in read_all(scored.bootstrap, dlq) if record.value is None]
    assert Counter(record.partition for record in markers) == {0: COUNT // 2, 1: COUNT // 2}


def test_a_replay_unchanged_comes_back(scored: Surroundings) -> None:
    """A replayed letter that fails again makes a new one linked to the first; `--again` replays the first once more."""
    send_broken(scored)
    assert "use --yes to continue" in tools.fail(scored, "dlq", "replay")
    for answer in (b"n\n", b"\x04"):
        assert replay_with_answer(scored, answer).endswith("[y/N] Nothing was sent.\n")
    assert not replays(scored)
    assert "1 replayed into" in replay_with_answer(scored, b"y\n", place(scored, 1, 0))
    scored.wait_until_drained()
    assert "22 dead letters, 21 not replayed" in tools.run(scored, "dlq", "list").output
    assert "1 already replayed" in tools.run(scored, "dlq", "replay", place(scored, 1, 0), "--yes").output
    assert "--again" in tools.run(scored, "dlq", "replay", "--replayed", "--yes").output
    assert len(replays(scored)) == 1
    tools.succeed(scored, "dlq", "replay", place(scored, 1, 0), "--yes", "--again")
    assert len(replays(scored)) == 2
    scored.wait_until_drained()
    tools.assert_well(scored, "1 dead letters were replayed")
    last = json.loads(tools.run(scored, "dlq", "list", "--json", "--last", "1").output)
    assert "replay of" in tools.run(scored, "dlq", "show", last["place"]).output


def test_letters_that_can_not_be_replayed_are_left_out(scored: Surroundings) -> None:
    """Letters that are now too large or of another topic are left out; an argument without letters sends nothing."""
    scored.send([Message(b"x" * 200_000), Message(b"{"), Message(b"[]", partition=1)])
    scored.wait_until_drained()
    alter_config(scored.bootstrap, scored.settings["INPUT_TOPIC"], {"max.message.bytes": "100000"})
    for arguments, words in (
        ([place(scored, 0, 9)], f"no dead letter at {place(scored, 0, 9)}"),
        (["--from", "absent.jsonl"], "can't be read"),
        (["--from", str(_file(scored, '{"partition":0,"offset":1,"value":"{}"}', "x"))], "line 2: not JSON"),
        (["--from", str(_file(scored, '{"partition":7,"offset":1,"value":"{}"}'))], "line 1: there is no dead"),
    ):
        assert words in tools.fail(scored, "dlq", "replay", "--yes", *arguments)
    assert not replays(scored)
    assert "1 larger than" in tools.succeed(scored, "dlq", "replay", "--yes")
    assert Counter(record.value for record in replays(scored)) == {b"{": 1, b"[]": 1}
    assert "fraudstream topics" in tools.fail(scored, "dlq", "list", DLQ_TOPIC="absent")


def letter_headers(surroundings: Surroundings, offset: int, timestamp_ms: int) -> list[tuple[str, bytes]]:
    """Return the headers by which a letter names a message of partition 0 of the input."""
    place = Place(surroundings.settings["INPUT_TOPIC"], 0, offset, timestamp_ms)
    why = InvalidPayment(reason="invalid_json", detail="")
    return [(name, value or b"") for name, value in dead_letter_headers(place, why)]


def test_forged_letters_are_not_replayed(scored: Surroundings) -> None:
    """Letters are compared with the message that they name; if it is gone, the letter is counted as not verified."""
    stamp_ms = int(1_000 * time.time())
    scored.send([Message(b"{", b"k", timestamp_ms=stamp_ms), Message(b"[", timestamp_ms=stamp_ms)])
    scored.wait_until_drained()
    headers = [letter_headers(scored, offset, stamp_ms) for offset in (1, 0, 999)]
    scored.send([Message(payment(66), headers=one) for one in headers[:2]], "DLQ_TOPIC")
    forged_marker = Message(None, headers=[("dlq.replayed_offset", b"99"), ("dlq.replayed_as", b"unchanged")])
    scored.send([Message(payment(7), headers=headers[2]), forged_marker], "DLQ_TOPIC")
    output = tools.succeed(scored, "dlq", "replay", "--yes")
    assert "2 that differ from the message in" in output
    assert "not verified: 1 whose message" in output
    assert {record.value for record in replays(scored)} == {b"{", b"[", payment(7)}
    delete_records(scored.bootstrap, scored.settings["INPUT_TOPIC"], {0: 1})
    letters = f"{scored.settings['DLQ_TOPIC']}/0/0-1"
    again = tools.run(scored, "dlq", "replay", "--yes", "--again", letters).output
    assert "not verified: 1 whose message" in again


def test_a_topic_that_refuses_the_replay(scored: Surroundings) -> None:
    """The replay ends with the setting and the command that changes it; then all letters are replayed, each once."""
    scored.send([Message(b"{", b"1")])
    scored.wait_until_drained()
    dlq = scored.settings["DLQ_TOPIC"]
    alter_config(scored.bootstrap, dlq, {"cleanup.policy": "compact"})
    output = tools.fail(scored, "dlq", "replay", "--yes")
    assert f"{dlq} refuses records (INVALID_RECORD): cleanup.policy=compact" in output
    assert f"--entity-name {dlq} --alter --add-config cleanup.policy=delete" in output
    assert not replays(scored)
    alter_config(scored.bootstrap, dlq, {"cleanup.policy": "delete"})
    tools.succeed(scored, "dlq", "replay", "--yes")
    assert len(replays(scored)) == 1


def _file(surroundings: Surroundings, *lines: str) -> Path:
    path = surroundings.folder / f"{len(lines)}.jsonl"
    path.write_text("\n".join(lines))
    return path


def test_a_marker_after_an_open_transaction_is_waited_for(scored: Surroundings) -> None:
    """A scorer's open transaction hides a marker after it: without waiting, its letter would be sent twice."""
    send_broken(scored)
    with scored.service("cli", "dlq", "replay", place(scored, 0, 0), "--yes", FAILPOINTS="replay_begins=stop") as first:
        first.wait_until_paused()
        with scored.open_transaction(1, "DLQ_TOPIC"):
            first.resume()
            assert first.wait() == 0, first.output
            with scored.service("cli", "dlq", "replay", place(scored, 0, "0-1"), "--yes") as second:
                second.wait_for("waiting for open transactions")
                scored.end_transaction()
                assert second.wait() == 0, second.output
    assert "1 were replayed by another process" in second.output
    assert len({dict(record.headers)[REPLAY_OF] for record in replays(scored)}) == 2
    assert len(replays(scored)) == 2


def test_the_embedded_broker_is_refused(surroundings: Surroundings) -> None:
    """The embedded broker is refused: it advertises transactions but does not implement them."""
    broker = EmbeddedBroker()
    output = tools.fail(surroundings, "dlq", "replay", "--yes", KAFKA_BOOTSTRAP_SERVERS=broker.address)
    assert "needs real Kafka" in output


def test_letters_go_down_a_pipe(scored: Surroundings) -> None:
    """A reader that closes the pipe early is not an error."""
    scored.send([Message(b"x" * 1_000) for _ in range(500)])
    scored.wait_until_drained()
    command = f"{sys.executable} -m cli dlq export | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env=scored.settings | {"PATH": "/usr/bin:/bin"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["value"] == "x" * 1_000
