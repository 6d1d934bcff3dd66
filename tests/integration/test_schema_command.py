"""`fraudstream schema` on a topic: the latest messages are read; no group is joined."""

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from cli.__main__ import main
from fraudstream.payment_schema import parse
from tests.conftest import Names
from tests.integration.topic import create

CARDS = Path(__file__).parents[2] / "examples/cards"


def groups(bootstrap: str) -> list[str]:
    """Return the names of all consumer groups."""

    async def ask() -> list[str]:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            return [name for name, _ in await admin.list_consumer_groups()]
        finally:
            await admin.close()

    return asyncio.run(ask())


def fill(bootstrap: str, topic: str) -> None:
    """Send the example's messages, and one without a value."""

    async def send() -> None:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
            for number, line in enumerate([*(CARDS / "messages.jsonl").read_bytes().splitlines(), None]):
                await producer.send_and_wait(topic, line, key=b"key", partition=number % 3)

    asyncio.run(send())


def test_a_topic(
    kafka_bootstrap: str,
    names: Names,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Infer skips messages without an object; check reports them. Neither leaves a group behind."""
    topic, out = names("payments"), tmp_path / "payment.toml"
    create(kafka_bootstrap, topic)
    fill(kafka_bootstrap, topic)
    before = groups(kafka_bootstrap)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)
    assert main(["schema", "infer", "--topic", topic, "--out", str(out)]) == 0
    assert "skipped: 2 messages without a JSON object" in capsys.readouterr().err
    assert parse(out.read_text(), "payment.toml").id == "transaction_id"
    assert main(["schema", "check", "--topic", topic, "--schema", str(CARDS / "payment.toml")]) == 1
    report = capsys.readouterr().out
    assert report.startswith(f"21 payments of topic {topic} checked by {CARDS / 'payment.toml'}: 17 valid.\n")
    assert "tombstone          1  partition 2, offset 6  the message has no value" in report
    assert main(["schema", "check", "--topic", topic, "--schema", str(CARDS / "payment.toml"), "--last", "1"]) == 1
    assert capsys.readouterr().out.startswith("3 payments")
    assert main(["schema", "check", "--topic", f"{topic}-none"]) == 1
    assert "does not exist" in capsys.readouterr().err
    assert set(groups(kafka_bootstrap)) <= set(before)  # the broker may remove old ones
