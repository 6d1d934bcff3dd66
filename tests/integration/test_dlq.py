"""`fraudstream dlq` as a user runs it: letters seen, taken out, mended, replayed, scored."""

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from demo.broker import EmbeddedBroker
from fraudstream.dead_letters import REPLAY_OF
from tests.conftest import Names
from tests.integration import tools
from tests.integration.scorer import Message, Surroundings, payment
from tests.integration.service import Service
from tests.integration.topic import alter_config, read_all
from tests.oracle import Record, committed_records, wait_until_drained

COUNT = 20
NO_TEXT = b'\xff{"payment_id":'


@pytest.fixture
def surroundings(kafka_bootstrap: str, names: Names, tmp_path: Path) -> Surroundings:
    """Topics, a model and a folder."""
    return Surroundings(kafka_bootstrap, names, tmp_path, partitions=2).prepare()


def broken(number: int) -> bytes:
    """A producer's mistake: the amount as text."""
    fields = json.loads(payment(number))
    return json.dumps(fields | {"amount": f"{fields['amount']:.2f}"}).encode()


def send_broken(surroundings: Surroundings) -> None:
    """20 payments with a field that is wrong, and one message that is no text; good ones among them."""
    messages = [
        Message(broken(number + 1), b"key-%d" % number, number % 2, headers=[("trace", b"\x00\xff")])
        for number in range(COUNT)
    ]
    surroundings.send([*messages, Message(NO_TEXT, partition=1), Message(payment(999), partition=1)])
    tools.score(surroundings)


def score_replays(surroundings: Surroundings) -> None:
    """Score until all is decided: behind a transaction, the committed offset never comes to the topic's end."""
    with surroundings.scorer() as scorer:
        wait_until_drained(surroundings.csv, surroundings.bootstrap, surroundings.settings)
        scorer.terminate()
        assert scorer.wait() == 0, scorer.output


def replays(surroundings: Surroundings) -> list[Record]:
    """What was sent to the input once more."""
    records = committed_records(surroundings.bootstrap, surroundings.settings["INPUT_TOPIC"])
    return [record for record in records if REPLAY_OF in dict(record.headers)]


def test_letters_are_mended_replayed_and_scored(surroundings: Surroundings) -> None:
    """The whole story, by the commands alone; then nothing is left to be replayed, and all is well."""
    send_broken(surroundings)
    listed = tools.run(surroundings, "dlq", "list", "--last", "3").output
    assert "21 dead letters, 21 of them not replayed" in listed
    assert "amount: Input should be a valid number" in listed
    lines = tools.run(surroundings, "dlq", "list", "--json", "--reason", "invalid_json").output.splitlines()
    (line,) = map(json.loads, lines)
    shown = tools.run(surroundings, "dlq", "show", f"{line['partition']}/{line['offset']}").output
    assert "\\xff{" in shown
    file = surroundings.folder / "letters.jsonl"
    tools.run(surroundings, "dlq", "export", "--out", str(file))
    assert len(file.read_text().splitlines()) == COUNT + 1
    refused = tools.run(surroundings, "dlq", "export", "--out", str(file))
    assert (refused.code, "--force" in refused.output) == (1, True)
    # what the documentation does with sed
    text = file.read_text()
    for number in range(COUNT):
        amount = json.loads(broken(number + 1))["amount"]
        text = text.replace(f'\\"amount\\": \\"{amount}\\"', f'\\"amount\\": {amount}')
    file.write_text(text)
    done = tools.run(surroundings, "dlq", "replay", "--from", str(file), "--reason", "invalid_field", "--yes")
    assert done.code == 0, done.output
    assert "All of them can be scored now." in done.output
    assert "20 mended, 0 unchanged" in done.output
    sent = replays(surroundings)
    dlq = surroundings.settings["DLQ_TOPIC"]
    assert len(sent) == len({dict(record.headers)[REPLAY_OF] for record in sent}) == COUNT
    for record in sent:
        headers = dict(record.headers)
        assert headers["trace"] == b"\x00\xff"
        assert (headers[REPLAY_OF] or b"").startswith(f"{dlq}/{record.partition}/".encode())
        assert abs(record.timestamp / 1_000 - time.time()) < 60
        assert (record.key or b"").startswith(b"key-")
    score_replays(surroundings)
    assert surroundings.assert_each_once() == 2 * COUNT + 2
    tools.well(surroundings, f"({COUNT + 1} scored, {COUNT + 1} dead letters)", "20 dead letters were replayed")
    nothing = tools.run(surroundings, "dlq", "replay", "--from", str(file), "--reason", "invalid_field", "--yes")
    assert (nothing.code, "20 replayed before" in nothing.output) == (0, True)
    assert "20 dead letters, 0 of them not" in tools.run(surroundings, "dlq", "list", "--replayed").output
    assert len(replays(surroundings)) == COUNT
    markers = [record for record in read_all(surroundings.bootstrap, dlq) if record.value is None]
    assert Counter(record.partition for record in markers) == {0: COUNT // 2, 1: COUNT // 2}


def test_a_replay_unchanged_comes_back(surroundings: Surroundings) -> None:
    """As a letter of its own that links to the first; `--again` sends the first once more, also where it is named."""
    send_broken(surroundings)
    refused = tools.run(surroundings, "dlq", "replay")
    assert (refused.code, "--yes goes on" in refused.output) == (1, True)
    assert not replays(surroundings)
    assert tools.run(surroundings, "dlq", "replay", "1/0", "--yes").code == 0
    score_replays(surroundings)
    assert "22 dead letters, 21 of them not" in tools.run(surroundings, "dlq", "list").output
    assert "1 replayed before" in tools.run(surroundings, "dlq", "replay", "1/0", "--yes").output
    assert "--again" in tools.run(surroundings, "dlq", "replay", "--replayed", "--yes").output
    assert len(replays(surroundings)) == 1
    assert tools.run(surroundings, "dlq", "replay", "1/0", "--yes", "--again").code == 0
    assert len(replays(surroundings)) == 2
    score_replays(surroundings)
    tools.well(surroundings, "1 dead letters were replayed")
    last = json.loads(tools.run(surroundings, "dlq", "list", "--json", "--last", "1").output)
    assert "replay of" in tools.run(surroundings, "dlq", "show", f"{last['partition']}/{last['offset']}").output


def test_what_can_not_go_back_is_left_out(surroundings: Surroundings) -> None:
    """Too large by now, or of another topic; and what names no letter sends nothing at all."""
    surroundings.send([Message(b"x" * 200_000), Message(b"{"), Message(b"[]", partition=1)])
    tools.score(surroundings)
    alter_config(surroundings.bootstrap, surroundings.settings["INPUT_TOPIC"], {"max.message.bytes": "100000"})
    for arguments, words in (
        (["0/9"], "no dead letter at 0/9"),
        (["--from", "absent.jsonl"], "can't be read"),
        (["--from", str(_file(surroundings, '{"partition":0,"offset":1,"value":"{}"}', "x"))], "line 2: no JSON"),
        (["--from", str(_file(surroundings, '{"partition":7,"offset":1,"value":"{}"}'))], "line 1: there is no dead"),
    ):
        done = tools.run(surroundings, "dlq", "replay", "--yes", *arguments)
        assert (done.code, words in done.output) == (1, True), done.output
    assert not replays(surroundings)
    done = tools.run(surroundings, "dlq", "replay", "--yes")
    assert done.code == 0, done.output
    assert "1 larger than" in done.output
    assert Counter(record.value for record in replays(surroundings)) == {b"{": 1, b"[]": 1}
    absent = tools.run(surroundings, "dlq", "list", DLQ_TOPIC="absent")
    assert (absent.code, "fraudstream topics" in absent.output) == (1, True)


def _file(surroundings: Surroundings, *lines: str) -> Path:
    path = surroundings.folder / f"{len(lines)}.jsonl"
    path.write_text("\n".join(lines))
    return path


def test_a_marker_behind_an_open_transaction_is_waited_for(surroundings: Surroundings) -> None:
    """A scorer's open transaction hides a marker that stands behind it: without waiting, its letter would go twice."""
    send_broken(surroundings)
    settings = surroundings.settings | {"FAILPOINTS": "replay_begins=stop"}
    with Service(surroundings.folder, "fraudstream.cli", settings, "dlq", "replay", "0/0", "--yes") as first:
        first.wait_until_paused()
        with surroundings.open_transaction(1, "DLQ_TOPIC"):
            first.resume()
            assert first.wait() == 0, first.output
            threading.Timer(3, surroundings.end_transaction).start()
            second = tools.run(surroundings, "dlq", "replay", "0/0", "0/1", "--yes")
    assert second.code == 0, second.output
    assert "waiting for open transactions" in second.output
    assert "1 were replayed by somebody else" in second.output
    assert len({dict(record.headers)[REPLAY_OF] for record in replays(surroundings)}) == 2
    assert len(replays(surroundings)) == 2


def test_the_embedded_broker_is_refused(surroundings: Surroundings) -> None:
    """It says that it has transactions, and keeps none."""
    broker = EmbeddedBroker()
    done = tools.run(surroundings, "dlq", "replay", "--yes", KAFKA_BOOTSTRAP_SERVERS=broker.address)
    assert (done.code, "needs real Kafka" in done.output) == (1, True), done.output


def test_letters_go_down_a_pipe(surroundings: Surroundings) -> None:
    """A reader that has enough is no error."""
    surroundings.send([Message(b"x" * 1_000) for _ in range(500)])
    tools.score(surroundings)
    command = f"{sys.executable} -m fraudstream.cli dlq export | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env=surroundings.settings | {"PATH": "/usr/bin:/bin"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["value"] == "x" * 1_000
