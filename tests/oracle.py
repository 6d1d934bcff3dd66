"""Delivery guarantees after draining: each record once in the CSV and the scored topic, or among the dead letters.

Independent of the product's own `verify`, so that each checks the other.
"""

import csv
import json
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from aiokafka import ConsumerRecord

from tests.integration.broker.deadline import wait_until
from tests.integration.topic import read_all

Place = tuple[int, int]
Record = ConsumerRecord[bytes, bytes]


def committed_records(bootstrap: str, topic: str) -> list[Record]:
    """Return every committed record of `topic`, by partition, in order."""
    return read_all(bootstrap, topic, "read_committed")


def csv_rows(path: Path) -> dict[Place, list[dict[str, str]]]:
    """Return the CSV's rows by partition and offset."""
    rows: dict[Place, list[dict[str, str]]] = {}
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                rows.setdefault((int(row["partition"]), int(row["offset"])), []).append(row)
    return rows


def scored(bootstrap: str, topic: str) -> dict[Place, list[dict[str, object]]]:
    """Return the scored payments by the partition and offset of their payment."""
    events: dict[Place, list[dict[str, object]]] = {}
    for record in committed_records(bootstrap, topic):
        event = json.loads(record.value or b"null")
        assert record.partition == event["source_partition"]
        events.setdefault((event["source_partition"], event["source_offset"]), []).append(event)
    return events


def dead_letters(bootstrap: str, topic: str) -> dict[Place, list[Record]]:
    """Return the dead letters by the partition and offset of their message."""
    letters: dict[Place, list[Record]] = {}
    for record in committed_records(bootstrap, topic):
        headers = dict(record.headers)
        if "dlq.offset" in headers:  # otherwise a replay marker
            letters.setdefault((int(headers["dlq.partition"]), int(headers["dlq.offset"])), []).append(record)
    return letters


def wait_until_drained(path: Path, bootstrap: str, settings: Mapping[str, str], timeout_s: float = 120) -> None:
    """Wait until there are as many rows and dead letters as input records."""
    expected = len(committed_records(bootstrap, settings["INPUT_TOPIC"]))
    dead = 0

    def decided() -> bool:
        nonlocal dead
        rows = row_count(path)
        if rows + dead < expected:
            dead = len(dead_letters(bootstrap, settings["DLQ_TOPIC"]))
        return rows + dead >= expected and len(committed_records(bootstrap, settings["SCORED_TOPIC"])) >= rows

    wait_until(decided, timeout_s, f"{expected} records decided")


def row_count(path: Path) -> int:
    """Return the number of complete rows of a CSV, which may be written, renamed or missing at this moment."""
    with suppress(FileNotFoundError):
        return max(path.read_bytes().count(b"\n") - 1, 0)
    return 0


def assert_each_once(path: Path, bootstrap: str, settings: Mapping[str, str], *, id_name: str = "payment_id") -> int:
    """Assert that each record has exactly one outcome; return the number of records."""
    expected = Counter(
        (record.partition, record.offset) for record in committed_records(bootstrap, settings["INPUT_TOPIC"])
    )
    rows, events = csv_rows(path), scored(bootstrap, settings["SCORED_TOPIC"])
    letters = dead_letters(bootstrap, settings["DLQ_TOPIC"])
    in_file = Counter({place: len(found) for place, found in rows.items()})
    in_topic = Counter({place: len(found) for place, found in events.items()})
    dead = Counter({place: len(found) for place, found in letters.items()})
    assert in_file + dead == expected
    assert in_topic == in_file
    for place, (row,) in rows.items():
        (event,) = events[place]
        assert float(row["fraud_probability"]) == event["fraud_probability"], place
        assert (row["decision"], row["model_version"]) == (event["decision"], event["model_version"]), place
        assert row[id_name] == str(event[id_name]), place
    by_partition: dict[int, list[int]] = {}
    for partition, offset in rows:
        by_partition.setdefault(partition, []).append(offset)
    assert all(offsets == sorted(offsets) for offsets in by_partition.values())
    return sum(expected.values())
