"""`fraudstream rebuild` on real Kafka: the CSV is restored, and scorers continue from it exactly once."""

import shutil
from pathlib import Path

import pytest

from tests.integration import tools
from tests.integration.scorer import Message, Surroundings, payment
from tests.integration.topic import alter_config, delete_records

pytestmark = pytest.mark.partitions(2)


@pytest.fixture
def scored(surroundings: Surroundings) -> Surroundings:
    """Score 400 records, every tenth of them a dead letter, unusual numbers and timestamps among them."""
    messages = [Message(payment(number) if number % 10 else b"no", partition=number % 2) for number in range(396)]
    odd = [
        payment(1).replace(b"11.5", amount) for amount in (b"1e-7", b"1000000000000", b"0.1000000000000000055", b"7")
    ]
    stamps_ms = (-86_400_000, 0, 10**15, 1_700_000_000_001)
    messages += [Message(value, timestamp_ms=ms) for value, ms in zip(odd, stamps_ms, strict=True)]
    surroundings.send(messages)
    surroundings.score()
    return surroundings


def _refused(surroundings: Surroundings, *arguments: str) -> str:
    """Check that the command exits with 1 and has changed nothing; return its output."""

    def stored() -> dict[Path, bytes]:
        lock = surroundings.csv.with_name(f".{surroundings.csv.name}.lock")
        return {file: file.read_bytes() for file in surroundings.csv.parent.iterdir() if file != lock}

    before = stored()
    output = tools.fail(surroundings, "rebuild", *arguments)
    assert stored() == before
    return output


@pytest.mark.parametrize("lost", ["the CSV", "the CSV and its journal"])
def test_a_lost_csv(scored: Surroundings, lost: str) -> None:
    """The same rows are restored, byte for byte, by partition in order; then the scorer continues."""
    before = scored.csv.read_bytes().splitlines()
    scored.csv.unlink()
    if "journal" in lost:
        scored.csv.with_name(f".{scored.csv.name}.journal").unlink()
    output = tools.rebuild(scored)
    assert "CSV rebuilt" in output
    assert "other timestamps" not in output
    after = scored.csv.read_bytes().splitlines()
    assert after[0] == before[0]
    assert sorted(after) == sorted(before)
    places = [tuple(map(int, row.rsplit(b",", 2)[1:])) for row in after[1:]]
    assert places == sorted(places)
    tools.assert_continues(scored, 400)


def test_refuses_while_scorers_run(scored: Surroundings) -> None:
    """The message explains how to stop the scorers."""
    before = scored.csv.read_bytes()
    with scored.assigned_scorer():
        assert "docker compose stop scorer" in tools.fail(scored, "rebuild", "--force")
    assert scored.csv.read_bytes() == before


def test_refuses_a_csv_that_has_rows(scored: Surroundings) -> None:
    """With --force, the old file is renamed, complete, and verify skips it."""
    before = scored.csv.read_bytes()
    assert "--force" in _refused(scored)
    assert "replaced-1" in tools.rebuild(scored, "--force")
    assert scored.csv.with_name(f"{scored.csv.stem}.replaced-1.csv").read_bytes() == before
    assert sorted(tools.rows(scored.csv)) == sorted(before.decode().splitlines(keepends=True)[1:])
    tools.assert_continues(scored, 400)


def test_a_damaged_csv(scored: Surroundings) -> None:
    """Files damaged and renamed by the scorer, or still in place, are combined into one complete file with --force."""
    whole = scored.csv.read_text()
    scored.csv.write_text(whole[: len(whole) // 2])
    scored.send_payments(20)
    scored.score()
    assert scored.csv.with_name(f"{scored.csv.stem}.damaged-1.csv").exists()
    assert "damaged" in _refused(scored) or "has rows" in _refused(scored)
    tools.rebuild(scored, "--force")
    assert len(tools.rows(scored.csv)) == len(whole.splitlines()) - 1 + 20
    tools.assert_continues(scored, 420)


def test_after_rotated_files(surroundings: Surroundings) -> None:
    """Rows in rotated files are not written again; the next rotation takes the next number."""
    for _ in range(3):
        surroundings.send_payments(100)
        surroundings.score(CSV_ROTATE_BYTES="5000")
    rotated = sorted(surroundings.csv.parent.glob("*.0*.csv"))
    assert len(rotated) == 2
    lost = tools.rows(surroundings.csv)
    for file in (surroundings.csv, surroundings.csv.with_name(f".{surroundings.csv.name}.journal")):
        file.unlink()
    tools.rebuild(surroundings)
    assert sorted(tools.rows(surroundings.csv)) == sorted(lost)
    surroundings.send_payments(40)
    surroundings.score(CSV_ROTATE_BYTES="5000")
    rotated = sorted(surroundings.csv.parent.glob("*.0*.csv"))
    assert [file.name[-8:] for file in rotated] == ["0001.csv", "0002.csv", "0003.csv"]
    assert "each of 340 records" in tools.succeed(surroundings, "verify")


def test_a_topic_whose_broker_sets_the_timestamps(surroundings: Surroundings) -> None:
    """The setting is logged once, with its topic; every row is there, unchanged but for its timestamp."""
    topic = surroundings.settings["SCORED_TOPIC"]
    alter_config(surroundings.bootstrap, topic, {"message.timestamp.type": "LogAppendTime"})
    surroundings.send(
        [Message(payment(number), partition=number % 2, timestamp_ms=86_400_000) for number in range(1, 41)]
    )
    surroundings.score()
    before = tools.rows(surroundings.csv)
    surroundings.csv.unlink()
    output = tools.rebuild(surroundings)
    assert output.count("rebuilt rows have other timestamps") == 1
    assert topic in output
    assert "message.timestamp.type=LogAppendTime" in output
    after = tools.rows(surroundings.csv)
    assert len(after) == len(before) == 40
    assert {row.split(",", 1)[1] for row in after} == {row.split(",", 1)[1] for row in before}
    assert {row.split(",", 1)[0] for row in before} == {"1970-01-02T00:00:00.000Z"}
    assert "1970-01-02T00:00:00.000Z" not in {row.split(",", 1)[0] for row in after}


def test_records_that_the_topic_no_longer_retains(scored: Surroundings) -> None:
    """The missing part is reported; the rest is written."""
    delete_records(scored.bootstrap, scored.settings["SCORED_TOPIC"], {1: 100})
    before = tools.rows(scored.csv)
    shutil.rmtree(scored.csv.parent)
    scored.csv.parent.mkdir()
    output = tools.rebuild(scored)
    assert "no longer retained" in output
    assert '"partition": 1' in output
    assert set(tools.rows(scored.csv)) < set(before)


def test_a_csv_of_another_group(scored: Surroundings) -> None:
    """Another group's CSV is not touched."""
    before = scored.csv.read_bytes()
    assert "belongs to consumer group" in tools.fail(scored, "rebuild", "--force", CONSUMER_GROUP="nobody")
    assert scored.csv.read_bytes() == before
