"""Batches and messages that expand to hundreds of megabytes, in all three topics of real Kafka."""

import itertools
import random
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from fraudstream.dead_letter import Place, dead_letter_headers
from fraudstream.payment import InvalidPayment
from tests.bombs import CODECS, MIB, compressed_batch, record, zeros
from tests.conftest import Names
from tests.integration import offsets, tools
from tests.integration.archive import SQLITE, Archive
from tests.integration.broker import Cluster
from tests.integration.broker.deadline import wait_until
from tests.integration.dashboard import Dashboard, total
from tests.integration.scorer import Surroundings
from tests.integration.service import Service
from tests.integration.topic import alter_config
from tests.oracle import dead_letters
from tests.produce import RawProducer

MOST_MB = 512
_TOPICS = ("INPUT_TOPIC", "SCORED_TOPIC", "DLQ_TOPIC")
_REFUSED = 1
"""The partition of the batches above the limit."""
_ALL = dict(zip(CODECS, [(0,), (2,), (3,), (4,)], strict=True))
"""The other partitions of each codec."""
_ZSTD = {"zstd": (0, 2, 3)}
_MANY_VALUES = b'{"x":[' + b"[]," * 340_000 + b"0]}"
"""A message of 1 MB, of which the parser would make 340,000 lists, once for each missing field."""
_PEAK = re.compile(r"VmHWM:\s+(\d+) kB")


def peak_mb(service: Service) -> int:
    """Return the process's peak memory so far; 0 once it has ended."""
    with suppress(FileNotFoundError):
        if found := _PEAK.search(Path(f"/proc/{service.pid}/status").read_text()):
            return int(found[1]) >> 10
    return 0


def batches(codec: str) -> list[bytes]:
    """Return large batches that are read: of one record, and of many."""
    large = zeros(60 * MIB, codec)
    return [large, large, compressed_batch(codec, [record(number, bytes(MIB - 1_000)) for number in range(24)])]


def costly(codec: str) -> dict[int, bytes]:
    """Return batches that are read, by partition: of many records, values and headers."""
    return {
        0: compressed_batch(codec, [record(number, None) for number in range(30_000)]),
        2: compressed_batch(codec, [record(number, _MANY_VALUES) for number in range(6)]),
        3: compressed_batch(codec, [record(0, None, 900_000)]),
    }


def bombs(codec: str) -> list[bytes]:
    """Return batches above the limit: of one record, and of many headers."""
    return [zeros(160 * MIB, codec), compressed_batch(codec, [record(0, None, 10_000_000)])]


def fill(surroundings: Surroundings, places: Mapping[str, Sequence[int]]) -> None:
    """Allow larger messages than usual in all three topics, and send what any producer can send."""
    with RawProducer(surroundings.bootstrap) as producer:

        def send(topic: str, partition: int, data: bytes) -> None:
            assert producer.send(surroundings.settings[topic], partition, data) == 0

        for topic in _TOPICS:
            alter_config(surroundings.bootstrap, surroundings.settings[topic], {"max.message.bytes": str(16 * MIB)})
        for codec, partitions in places.items():
            sent = [(_REFUSED, data) for data in bombs(codec)]
            sent += itertools.product(partitions, batches(codec))
            sent += [(partition, data) for partition, data in costly(codec).items() if partition in partitions]
            for topic, (partition, data) in itertools.product(_TOPICS, sent):
                send(topic, partition, data)
            for partition in partitions:
                place = Place(surroundings.settings["INPUT_TOPIC"], partition, 10**9, 0)
                ours = dead_letter_headers(place, InvalidPayment(reason="invalid_json", detail=""))
                send("DLQ_TOPIC", partition, compressed_batch(codec, [record(0, bytes(60 * MIB), named=ours)]))


@pytest.mark.parametrize(("places", "database"), [(_ALL, "sqlite"), (_ZSTD, "postgres")], ids=["sqlite", "postgres"])
def test_bombs_stop_their_partition_alone(
    places: Mapping[str, Sequence[int]],
    database: str,
    module_cluster: Cluster,
    names: Names,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """Scorer, archiver, page and commands stay within 512 MB; decodable records are decided, the rest reported."""
    read = list(itertools.chain(*places.values()))
    surroundings = Surroundings(module_cluster.bootstrap, names, tmp_path, partitions=1 + max(read)).prepare()
    fill(surroundings, places)
    surroundings.send_payments(20 * surroundings.partitions)
    payments = 20 * len(read)
    url = SQLITE if database == "sqlite" else request.getfixturevalue("postgres").database(names("archive"))
    archive, topic = Archive(surroundings, url), surroundings.settings["INPUT_TOPIC"]
    ends = offsets.ends(surroundings.bootstrap, topic)
    with (
        surroundings.scorer(METRICS_PORT="0") as scorer,
        archive.archiver() as archiver,
        Dashboard(surroundings, [scorer]) as dashboard,
    ):
        surroundings.wait_for_positions({one: end for one, end in ends.items() if one != _REFUSED}, 240)
        lines = scorer.wait_for("partition stopped")
        assert {(line["topic"], line["partition"], line["offset"]) for line in lines} == {(topic, _REFUSED, 0)}
        wait_until(lambda: archive.count() == payments, 120, "all payments are archived")
        large = "SELECT COUNT(*) FROM dead_letters WHERE LENGTH(value) > 60000000"
        wait_until(lambda: archive.query(large) == [(len(read),)], 120, "the largest dead letters are archived")
        wait_until(lambda: total(dashboard.url) == payments, 120, "all payments are on the page")
        services = {"scorer": scorer, "archiver": archiver, "dashboard": dashboard.service}
        peaks = {name: peak_mb(service) for name, service in services.items()}
        for service in services.values():
            assert "Traceback" not in service.output
        assert archiver.lines("unreadable records skipped")
        scorer.stop()
    for command in (("verify",), ("dlq", "list"), ("dlq", "export", "--out", str(tmp_path / "letters.jsonl"))):
        peaks[" ".join(command[:2])] = command_peak_mb(surroundings, *command)
    print(database, peaks)
    assert max(peaks.values()) <= MOST_MB, peaks


def command_peak_mb(surroundings: Surroundings, *arguments: str) -> int:
    """Run the command to its end; return its peak memory."""
    peaks = [0]
    with surroundings.service("cli", *arguments) as service:

        def has_ended() -> bool:
            peaks.append(peak_mb(service))
            return not service.running

        wait_until(has_ended, 240, f"{arguments} ends")
        assert "Traceback" not in service.output, service.output
    return max(peaks)


def test_dead_letters_take_little_more_than_the_messages(module_cluster: Cluster, names: Names, tmp_path: Path) -> None:
    """30 MB sent as 99 KB stay small: the broker compresses the scorer's records."""
    surroundings = Surroundings(module_cluster.bootstrap, names, tmp_path)
    tools.succeed(surroundings, "topics", TOPIC_PARTITIONS=str(surroundings.partitions))
    surroundings.prepare()
    topic, letters = surroundings.settings["INPUT_TOPIC"], surroundings.settings["DLQ_TOPIC"]
    rng = random.Random(8)
    values = [rng.randbytes(3_000) + b"x" * 997_000 for _ in range(30)]
    with RawProducer(surroundings.bootstrap) as producer:
        for value in values:
            assert producer.send(topic, 0, compressed_batch("zstd", [record(0, value)])) == 0
    sent = module_cluster.segment(topic, 0).stat().st_size
    surroundings.score()
    stored = module_cluster.segment(letters, 0).stat().st_size
    print(f"{sum(map(len, values)):,} bytes were sent as {sent:,}; their letters take {stored:,}")
    assert sent < 110_000
    assert stored < 3 * sent
    assert len(dead_letters(surroundings.bootstrap, letters)) == 30
