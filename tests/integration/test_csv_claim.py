"""Two stacks with one CSV_PATH: the running one keeps the file, the other one is refused until the first has ended."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest

from cli.csv.refill import CsvRefill
from fraudstream.csv_file.protocol import Identity
from fraudstream.errors import JournalForeignError
from scorer.csv_sink import CsvSink
from tests.contract.test_sinks import IDENTITY, batch, stored_in_csv
from tests.scores import LAYOUT

OTHER = Identity(cluster="other", topic="t", group="g")
CLAIM = """
import json, sys
from pathlib import Path
from scorer.csv_sink import CsvSink
from fraudstream.csv_file.layout import Layout
from fraudstream.csv_file.protocol import Identity
from fraudstream.payment_schema import default_schema
sink = CsvSink(Path(sys.argv[1]), Identity(**json.loads(sys.argv[2])), Layout.of(default_schema()))
sink.claim()
print("claimed", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Provide the path of the CSV that two stacks share."""
    return tmp_path / "scores.csv"


@contextmanager
def running(path: Path, identity: Identity) -> Iterator["subprocess.Popen[str]"]:
    """Run a process that has claimed the CSV and does nothing else."""
    command = [sys.executable, "-c", CLAIM, str(path), json.dumps(asdict(identity))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "claimed\n"
            yield process
        finally:
            process.kill()


def write(path: Path, identity: Identity, offsets: range) -> None:
    """Claim the CSV, append as the owner of partition 0, and end."""
    with closing(CsvSink(path, identity, LAYOUT)) as sink:
        sink.claim()
        assert sink.append([batch(0, sink.acquire([0])[0].token, offsets)]) == {0}


def moved_aside(path: Path) -> list[dict[int, list[int]]]:
    """Return the rows of each file that was moved aside."""
    return [stored_in_csv(file) for file in sorted(path.parent.glob("scores.former-*.csv"))]


def test_a_running_stack_keeps_its_csv(path: Path) -> None:
    """A running stack keeps its CSV even with nothing to write: the other is refused, by name, and changes nothing."""
    write(path, IDENTITY, range(3))
    with running(path, IDENTITY):
        before = {file: file.read_bytes() for file in path.parent.iterdir()}
        with closing(CsvSink(path, OTHER, LAYOUT)) as sink:
            for call in (sink.claim, sink.is_new, lambda: sink.acquire([0])):
                with pytest.raises(JournalForeignError, match=r"^CSV_PATH: .*scores\.csv.*cluster 'c'.*'other'"):
                    call()
        assert {file: file.read_bytes() for file in path.parent.iterdir()} == before
        write(path, IDENTITY, range(3, 5))
    assert stored_in_csv(path) == {0: list(range(5))}


def test_a_killed_stack_is_replaced_without_delay(path: Path) -> None:
    """The file of a killed stack is moved aside once, and both stacks have their rows."""
    write(path, IDENTITY, range(3))
    with running(path, IDENTITY) as process:
        process.kill()
        process.wait()
        write(path, OTHER, range(2))
        write(path, OTHER, range(2, 4))
    assert moved_aside(path) == [{0: [0, 1, 2]}]
    assert stored_in_csv(path) == {0: [0, 1, 2, 3]}


def test_replicas_of_one_stack_share_the_claim(path: Path) -> None:
    """The claim ends with the last replica."""
    with running(path, IDENTITY) as first, running(path, IDENTITY):
        first.kill()
        first.wait()
        with closing(CsvSink(path, OTHER, LAYOUT)) as sink, pytest.raises(JournalForeignError):
            sink.claim()
    write(path, OTHER, range(2))


def test_a_new_stack_is_refused_though_csv_and_journal_were_deleted(path: Path) -> None:
    """A stack without a payment so far has no other file; a rebuild is refused as well."""
    with running(path, IDENTITY):
        for file in (path, path.with_name(".scores.csv.journal")):
            file.unlink()
        with closing(CsvSink(path, OTHER, LAYOUT)) as sink, pytest.raises(JournalForeignError, match="cluster 'c'"):
            sink.claim()
        with pytest.raises(JournalForeignError, match="cluster 'c'"), CsvRefill(path, OTHER, LAYOUT).locked():
            pass
    write(path, OTHER, range(2))
    assert stored_in_csv(path) == {0: [0, 1]}


def test_a_deleted_claim_is_recreated(path: Path) -> None:
    """The next append re-creates a deleted claim; the other stack is refused from then on."""
    with closing(CsvSink(path, IDENTITY, LAYOUT)) as sink:
        sink.claim()
        path.with_name(".scores.csv.claim").unlink()
        sink.append([batch(0, sink.acquire([0])[0].token, range(2))])
        with closing(CsvSink(path, OTHER, LAYOUT)) as other, pytest.raises(JournalForeignError):
            other.claim()


@pytest.mark.parametrize("content", [b"", b"\xff{", b"[1]", b'{"cluster":"c"}'])
def test_an_unreadable_claim(path: Path, content: bytes) -> None:
    """An unreadable claim counts while it is held, for any stack, and is replaced afterwards."""
    claim = path.with_name(".scores.csv.claim")
    with running(path, IDENTITY):
        claim.write_bytes(content)
        with closing(CsvSink(path, OTHER, LAYOUT)) as sink, pytest.raises(JournalForeignError, match="another stack"):
            sink.claim()
    write(path, OTHER, range(2))
    assert json.loads(claim.read_bytes()) == asdict(OTHER)


def test_a_writer_without_a_claim(path: Path) -> None:
    """A scorer of a version without claims takes the CSV: ours ends, so that files are not moved in turns."""
    with closing(CsvSink(path, IDENTITY, LAYOUT)) as sink:
        sink.claim()
        path.with_name(".scores.csv.claim").rename(path.with_name("hidden"))
        write(path, OTHER, range(2))
        path.with_name("hidden").rename(path.with_name(".scores.csv.claim"))
        for _ in range(2):
            with pytest.raises(JournalForeignError, match="cluster 'other'"):
                sink.acquire([0])
    assert stored_in_csv(path) == {0: [0, 1]}
    assert len(moved_aside(path)) == 1


def test_another_topic_and_another_group(path: Path) -> None:
    """The error names the topic; a second group of one topic is refused even after the first one has ended."""
    topic, group = (Identity(cluster="c", topic=topic, group=group) for topic, group in (("u", "g"), ("t", "h")))
    with running(path, IDENTITY), closing(CsvSink(path, topic, LAYOUT)) as sink:
        with pytest.raises(JournalForeignError, match=r"topic 't'.*topic 'u'"):
            sink.claim()
        with (
            closing(CsvSink(path, group, LAYOUT)) as other,
            pytest.raises(JournalForeignError, match="group 'g', not 'h'"),
        ):
            other.claim()
    with closing(CsvSink(path, group, LAYOUT)) as sink, pytest.raises(JournalForeignError, match="group 'g', not 'h'"):
        sink.claim()
