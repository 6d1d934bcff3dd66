"""LOG_PAYMENTS=false under a flood: no log has an id, a key or a value of any message in any topic."""

import json
import random
import time

import pytest

from tests.batches import HEADER_BYTES, Sent, batch, with_crc
from tests.integration.archive import Archive
from tests.integration.broker.deadline import wait_until
from tests.integration.dashboard import Dashboard
from tests.integration.scorer import Message, Surroundings
from tests.produce import RawProducer
from tests.scores import PAYMENT, One, Payment, scored_values

TOPICS = ("INPUT_TOPIC", "SCORED_TOPIC", "DLQ_TOPIC")
ID, AMOUNT, KEY, TEXT = 918_273_645_546, 73_519.28, b"key-of-qzxv", "text-of-qzxv"
MARKS = (str(ID), str(AMOUNT), KEY.decode(), TEXT, "qzxv")
NOW_MS = int(time.time() * 1_000)


def values() -> list[bytes]:
    """Return payments that are valid, nearly valid, and invalid, and a scored one."""
    good: Payment = {**PAYMENT, "payment_id": ID, "amount": AMOUNT}
    changes: list[dict[str, object]] = [
        {},
        {"amount": str(AMOUNT)},
        {"amount": -AMOUNT},
        {"payment_id": float(ID)},
        {"payment_id": str(ID)},
        {"transaction_hour": ID},
        {"is_new_device": TEXT},
        {TEXT: TEXT},
        {"country_risk_score": [TEXT]},
    ]
    texts = [json.dumps({**good, **change}).encode() for change in changes]
    strange = [
        b'{"payment_id":%d,"payment_id":"%s"' % (ID, KEY),
        KEY,
        b"\xff" + KEY,
        b"[" * 300 + KEY,
        b"\0\0\0\0\1" + KEY,
    ]
    return [*texts, *strange, scored_values([One(good, 0.5, "review", TEXT, NOW_MS, 0, 0)])[0]]


def damaged(rng: random.Random, value: bytes) -> bytes:
    """Return a batch with one record, some bytes of which are changed; its checksum is correct."""
    data = bytearray(batch([Sent(NOW_MS, KEY, value, ((TEXT, TEXT.encode()),))]))
    for _ in range(rng.randrange(1, 4)):
        data[rng.randrange(HEADER_BYTES, len(data))] = rng.randrange(256)
    return with_crc(bytes(data))


@pytest.mark.parametrize("level", ["debug", "info"])
@pytest.mark.partitions(2)
def test_a_flood_of_any_messages(surroundings: Surroundings, sqlite: Archive, level: str) -> None:
    """Valid, invalid and damaged messages in all three topics, read by all services, leave no trace in the logs."""
    quiet = {"LOG_PAYMENTS": "false", "LOG_LEVEL": level}
    rng, headers = random.Random(4), [(TEXT, TEXT.encode()), ("dlq.reason", TEXT.encode())]
    with (
        surroundings.scorer(**quiet) as scorer,
        sqlite.archiver(**quiet) as archiver,
        Dashboard(surroundings, [], **quiet) as dashboard,
    ):
        archiver.wait_until_ready()
        with RawProducer(surroundings.bootstrap) as producer:
            for topic in TOPICS:
                surroundings.send([Message(value, KEY, headers=headers) for value in values() * 20], topic=topic)
                for number in range(60):
                    producer.send(surroundings.settings[topic], 1, damaged(rng, values()[number % len(values())]))
        surroundings.send([Message(values()[0], KEY)])
        surroundings.wait_for_positions({0: len(values()) * 20 + 1}, 120)
        wait_until(lambda: sqlite.count("dead_letters") > 100, 60, "dead letters are archived")
        services = (scorer, archiver, dashboard.service)
        for service in services:
            service.stop()
    for service in services:
        assert [mark for mark in MARKS if mark in service.output] == []
        assert "Traceback" not in service.output
