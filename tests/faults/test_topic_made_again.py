"""The producer's topic is deleted and re-created, with fewer partitions, while it sends."""

import asyncio
from unittest.mock import MagicMock

from aiokafka.admin import NewTopic

from fraudstream.record import KeyedMessage
from tests.conftest import Names
from tests.integration.test_payment_sender import sending
from tests.integration.topic import administrator, create, read_all

COUNT = 10_000


async def _make_again(bootstrap: str, topic: str) -> None:
    new = NewTopic(topic, 1, 1)
    async with administrator(bootstrap) as admin, asyncio.timeout(60):
        await admin.delete_topics([topic])
        # refused while the deletion is in progress
        while (await admin.create_topics([new])).topic_errors[0][1]:  # type: ignore[attr-defined]  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def _send(bootstrap: str, topic: str) -> None:
    async with sending(bootstrap, topic, MagicMock()) as sender:
        sender.put([KeyedMessage(b"%d" % number, b"before", 0) for number in range(100)])
        assert await sender.flush(60) == 0
        await _make_again(bootstrap, topic)
        sender.put([KeyedMessage(b"%d" % number, b"after", 0) for number in range(COUNT)])
        assert await sender.flush(90) == 0


def test_topic_re_created(kafka_bootstrap: str, names: Names) -> None:
    """Payments for a removed partition arrive in an existing one (once aiokafka has given up, 40 s)."""
    topic = names("payments")
    create(kafka_bootstrap, topic, 4)
    asyncio.run(_send(kafka_bootstrap, topic))
    assert {record.key for record in read_all(kafka_bootstrap, topic)} == {b"%d" % number for number in range(COUNT)}
