"""Records and batches that the client can't parse, on real Kafka: readable ones are scored, no process ends."""

import gzip
import json
import random
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.batches import HEADER_BYTES, Sent, batch, with_crc
from tests.conftest import Names
from tests.integration import offsets, tools
from tests.integration.archive import SQLITE, Archive
from tests.integration.broker import Cluster
from tests.integration.broker.deadline import wait_until
from tests.integration.dashboard import Dashboard, total
from tests.integration.scorer import Message, Surroundings, payment
from tests.oracle import csv_rows, dead_letters, scored
from tests.produce import RawProducer

STRANGE = b"trace\xff\xfe"
_PARTITION = 1
_ATTRIBUTES_AT = 21


@pytest.fixture
def surroundings(module_cluster: Cluster, names: Names, tmp_path: Path) -> Surroundings:
    """Create topics, a model and a folder."""
    return Surroundings(module_cluster.bootstrap, names, tmp_path).prepare()


def send_strange_name(surroundings: Surroundings, topic: str, value: bytes) -> None:
    """Send a record with a header name that is not UTF-8, as clients in C, Go or C++ can."""
    named = batch([Sent(1_790_000_000_000, b"k", value, (("X" * len(STRANGE), b"v"),))])
    with RawProducer(surroundings.bootstrap) as producer:
        strange = with_crc(named.replace(b"X" * len(STRANGE), STRANGE))
        assert producer.send(surroundings.settings[topic], _PARTITION, strange) == 0


def test_a_header_name_that_is_not_utf8_stops_no_service(surroundings: Surroundings) -> None:
    """In any of the three topics, the payment is scored, every reader continues, and every command works."""
    surroundings.send_payments(40)
    send_strange_name(surroundings, "INPUT_TOPIC", payment(41))
    send_strange_name(surroundings, "INPUT_TOPIC", b"broken")
    send_strange_name(surroundings, "SCORED_TOPIC", b"not written by us")
    send_strange_name(surroundings, "DLQ_TOPIC", b"not written by us")
    surroundings.send_payments(40)
    archive = Archive(surroundings, SQLITE)
    with surroundings.scorer(METRICS_PORT="0") as scorer, archive.archiver() as archiver:
        surroundings.wait_until_committed()
        with Dashboard(surroundings, [scorer]) as dashboard:
            wait_until(lambda: archive.count() == 81, 60, "81 payments are archived")
            wait_until(lambda: archive.count("dead_letters") == 1, 60, "the dead letter is archived")
            wait_until(lambda: total(dashboard.url) == 81, 60, "81 payments are on the page")
            for service in (scorer, archiver, dashboard.service):
                assert "Traceback" not in service.output
            scorer.stop()
    assert len(csv_rows(surroundings.csv)) == 81
    (letter,) = archive.query("SELECT reason, headers FROM dead_letters")
    assert letter[0] == "invalid_json"
    assert json.loads(letter[1])[0]["name"] == "trace\\xff\\xfe"
    shown = tools.succeed(surroundings, "dlq", "list")
    assert "invalid_json" in shown
    assert "not written by us" not in shown
    found = tools.run(surroundings, "verify")
    assert "each of 82 records" in found.output or "82 of 82 records" in found.output, found.output
    tools.wait_until_empty(surroundings)
    surroundings.csv.unlink()
    tools.rebuild(surroundings)
    assert len(csv_rows(surroundings.csv)) == 81


def damage(segment: Path, number: int) -> tuple[int, int]:
    """Corrupt that batch's checksum in the broker's own file; return the batch's first and last offset."""
    with segment.open("r+b") as file:
        at = 0
        for _ in range(number):
            file.seek(at + 8)
            at += 12 + struct.unpack(">i", file.read(4))[0]
        file.seek(at)
        header = file.read(HEADER_BYTES)
        base, last_delta = struct.unpack_from(">q", header)[0], struct.unpack_from(">i", header, 23)[0]
        file.seek(at + HEADER_BYTES + 5)
        (byte,) = file.read(1)
        file.seek(at + HEADER_BYTES + 5)
        file.write(bytes([byte ^ 0xFF]))
    return base, base + last_delta


def test_a_batch_that_cannot_be_decoded_stops_its_partition_until_it_is_skipped(
    module_cluster: Cluster, surroundings: Surroundings
) -> None:
    """The other partitions continue; log and health name the place and the command; the skip is one transaction."""
    topic = surroundings.settings["INPUT_TOPIC"]
    for _ in range(3):
        surroundings.send_payments(40)
    first, last = damage(module_cluster.segment(topic, _PARTITION), 1)
    assert (first, last) == (10, 19)
    with surroundings.scorer(METRICS_PORT="0") as scorer:
        (line,) = scorer.wait_for("partition stopped")
        assert (line["topic"], line["partition"], line["offset"]) == (topic, _PARTITION, first)
        assert line["skip_it_with"] == f"fraudstream skip {topic} {_PARTITION} {first}"
        surroundings.wait_for_positions({0: 30, _PARTITION: first, 2: 30, 3: 30})
        surroundings.send([Message(payment(n), partition=0) for n in range(1, 6)])
        surroundings.wait_for_positions({0: 35})
        code, text = scorer.get("/readyz")
        assert code == 503
        assert f"fraudstream skip {topic} {_PARTITION} {first}" in text
        assert surroundings.positions()[_PARTITION] == first
        assert f"stopped at offset {first}" in tools.fail(surroundings, "skip", topic, str(_PARTITION), str(first + 1))
        assert "nothing was skipped" in tools.fail(surroundings, "skip", topic, "0", "5", "--timeout", "2")
        foreign = tools.run(surroundings, "skip", surroundings.settings["SCORED_TOPIC"], "0", "5")
        assert "INPUT_TOPIC" in foreign.output
        output = tools.succeed(surroundings, "skip", topic, str(_PARTITION), str(first))
        assert f"offsets {first} to {last}" in output
        surroundings.wait_until_committed()
        wait_until(lambda: scorer.get("/readyz")[0] == 200, 60, "it is ready again")
        assert not list(surroundings.csv.parent.glob("*.skip-*"))
        scorer.stop()
    assert len(csv_rows(surroundings.csv)) == 115
    assert len(scored(surroundings.bootstrap, surroundings.settings["SCORED_TOPIC"])) == 115
    tools.assert_well(surroundings, f"offsets {first}…{last}", "skipped")
    shown = tools.run(surroundings, "dlq", "show", f"{topic}/{_PARTITION}/{first}")
    assert "skipped" in shown.output
    replay = tools.run(surroundings, "dlq", "replay", "--all", "--yes")
    assert "damaged" in replay.output


def test_a_stopped_partition_is_stopped_for_its_next_owner_too(
    module_cluster: Cluster, surroundings: Surroundings
) -> None:
    """A restart changes nothing; the next owner carries out a pending request."""
    topic = surroundings.settings["INPUT_TOPIC"]
    surroundings.send_payments(40)
    damage(module_cluster.segment(topic, _PARTITION), 0)
    for _ in range(2):
        with surroundings.scorer() as scorer:
            scorer.wait_for("partition stopped")
            surroundings.wait_for_positions({0: 10, 2: 10, 3: 10})
            scorer.stop()
    with surroundings.assigned_scorer() as scorer:
        tools.succeed(surroundings, "skip", topic, str(_PARTITION), "0")
        surroundings.wait_until_committed()
    assert len(csv_rows(surroundings.csv)) == 30


def change_length(segment: Path, change: Callable[[int], int]) -> None:
    """Change the length field of the second batch in the broker's own file."""
    with segment.open("r+b") as file:
        file.seek(8)
        at = 12 + struct.unpack(">i", file.read(4))[0]
        file.seek(at + 8)
        (length,) = struct.unpack(">i", file.read(4))
        file.seek(at + 8)
        file.write(struct.pack(">i", change(length)))


@pytest.mark.parametrize("change", [50, -20])
def test_a_batch_with_a_wrong_length_is_skipped_to_what_the_broker_still_serves(
    module_cluster: Cluster, surroundings: Surroundings, change: int
) -> None:
    """The broker finds no record at the offsets after it; the other partitions continue meanwhile."""
    topic = surroundings.settings["INPUT_TOPIC"]
    for _ in range(4):
        surroundings.send_payments(40)
    change_length(module_cluster.segment(topic, _PARTITION), lambda length: length + change)
    with surroundings.scorer() as scorer:
        scorer.wait_for("partition stopped")
        assert "offsets 10 to " in tools.succeed(surroundings, "skip", topic, str(_PARTITION), "10", "--timeout", "60")
        surroundings.send_payments(40)
        surroundings.wait_until_committed()
        scorer.stop()
    tools.assert_well(surroundings, "partition 1: offsets 10…", "it was skipped")


def test_a_batch_longer_than_the_brokers_file_needs_a_reset(
    module_cluster: Cluster, surroundings: Surroundings
) -> None:
    """The broker serves nothing there, without an error: the log has the lag; a reset after it is `group ahead`."""
    for _ in range(4):
        surroundings.send_payments(40)
    change_length(module_cluster.segment(surroundings.settings["INPUT_TOPIC"], _PARTITION), lambda _: 2**31 - 1)
    with surroundings.scorer() as scorer:
        surroundings.wait_for_positions({0: 40, _PARTITION: 10, 2: 40, 3: 40})
        scorer.wait_for("payments wait unscored")
        scorer.stop()
    surroundings.send_payments(400)  # enough bytes for an entry of the index before them
    surroundings.reset({_PARTITION: 40})
    with surroundings.scorer() as scorer:
        surroundings.wait_until_committed()
        assert scorer.lines("group ahead")
        scorer.stop()
    assert len(csv_rows(surroundings.csv)) == 3 * 40 + 10 + 400


def test_readers_skip_undecodable_batches(module_cluster: Cluster, surroundings: Surroundings) -> None:
    """With such batches in the output topics, archiver, page and commands read the records around them."""
    for _ in range(3):
        surroundings.send_payments(40)
        surroundings.send([Message(b"broken", partition=_PARTITION)])
        surroundings.score(PROCESSING_GUARANTEE="at_least_once")
    damage(module_cluster.segment(surroundings.settings["SCORED_TOPIC"], _PARTITION), 1)
    damage(module_cluster.segment(surroundings.settings["DLQ_TOPIC"], _PARTITION), 1)
    archive = Archive(surroundings, SQLITE)
    with archive.archiver() as archiver, Dashboard(surroundings) as dashboard:
        wait_until(lambda: archive.count() == 110, 60, "110 payments are archived")
        wait_until(lambda: archive.count("dead_letters") == 2, 60, "2 dead letters are archived")
        wait_until(lambda: total(dashboard.url) == 110, 60, "110 payments are on the page")
        (line,) = [one for one in archiver.lines("unreadable records skipped") if "scored" in one["topic"]]
        assert (line["partition"], line["count"]) == (_PARTITION, 1)
        assert "Traceback" not in archiver.output + dashboard.service.output
    assert "in the CSV only (10)" in tools.assert_findings(surroundings, "unreadable")
    tools.succeed(surroundings, "dlq", "list")


def test_whatever_a_broker_accepts_is_scored_or_a_dead_letter(surroundings: Surroundings) -> None:
    """Brokers refuse most mutated batches with a correct checksum; every offset of the others is accounted for."""
    rng = random.Random(6)
    topic, codes = surroundings.settings["INPUT_TOPIC"], Counter[int]()
    sound = [
        batch([Sent(1_790_000_000_000 + n, b"key-%08d" % n, payment(n + 1), (("trace", b"v"),)) for n in range(3)])
        for _ in range(2)
    ]
    with RawProducer(surroundings.bootstrap) as producer:
        for number in range(1_500):
            data = bytearray(sound[0])
            for _ in range(rng.choice((1, 1, 2))):
                data[rng.randrange(_ATTRIBUTES_AT, len(data))] ^= rng.randrange(1, 256)
            partition = number % surroundings.partitions
            codes[producer.send(topic, partition, compressed(with_crc(bytes(data)), number))] += 1
            if number % 10 == 0:
                assert producer.send(topic, partition, sound[1]) == 0
    assert min(codes[0], codes.total() - codes[0]) > 100
    stored = offsets.ends(surroundings.bootstrap, topic)
    surroundings.score()
    rows, letters = csv_rows(surroundings.csv), dead_letters(surroundings.bootstrap, surroundings.settings["DLQ_TOPIC"])
    decided = Counter([*rows, *letters])
    assert decided == Counter((partition, offset) for partition, end in stored.items() for offset in range(end))
    assert {len(found) for found in rows.values()} | {len(found) for found in letters.values()} == {1}
    tools.assert_well(surroundings)


def compressed(data: bytes, number: int) -> bytes:
    """Return the batch, every third one with its records in gzip, which brokers check less strictly."""
    if number % 3:
        return data
    changed = bytearray(data[:HEADER_BYTES] + gzip.compress(data[HEADER_BYTES:]))
    changed[_ATTRIBUTES_AT + 1] = changed[_ATTRIBUTES_AT + 1] & ~7 | 1
    struct.pack_into(">i", changed, 8, len(changed) - 12)
    return with_crc(bytes(changed))
