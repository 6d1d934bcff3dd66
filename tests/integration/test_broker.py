"""The broker fixture itself: it serves, and it survives the actions of the fault tests."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.conftest import Names
from tests.integration.broker import Cluster
from tests.integration.topic import create

pytestmark = pytest.mark.kafka4


async def _produce(bootstrap: str, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True) as producer:
        await producer.send_and_wait(topic, value)


async def _consume(bootstrap: str, topic: str, count: int) -> list[bytes | None]:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        async with asyncio.timeout(60):
            return [(await consumer.getone()).value for _ in range(count)]


def test_serves(kafka_bootstrap: str, names: Names) -> None:
    """A record that was sent can be read."""
    topic = names("payments")
    create(kafka_bootstrap, topic, 1)

    async def scenario() -> list[bytes | None]:
        await _produce(kafka_bootstrap, topic, b"one")
        return await _consume(kafka_bootstrap, topic, 1)

    assert asyncio.run(scenario()) == [b"one"]


def test_comes_back_after_kill(own_cluster: Cluster, names: Names) -> None:
    """A broker killed and started again serves its previous records on the same port, and takes new ones."""
    topic = names("payments")
    create(own_cluster.bootstrap, topic, 1)

    async def after() -> list[bytes | None]:
        await _produce(own_cluster.bootstrap, topic, b"two")
        return await _consume(own_cluster.bootstrap, topic, 2)

    asyncio.run(_produce(own_cluster.bootstrap, topic, b"one"))
    own_cluster.broker.kill()
    own_cluster.broker.start()
    assert asyncio.run(after()) == [b"one", b"two"]


@pytest.mark.zookeeper
def test_survives_a_restart_of_zookeeper(own_cluster: Cluster, names: Names) -> None:
    """After a kill and restart of ZooKeeper, topics can be created as before."""
    own_cluster.zookeeper.kill()
    own_cluster.zookeeper.start()
    create(own_cluster.bootstrap, names("payments"), 1)


def test_pause_and_resume(own_cluster: Cluster, names: Names) -> None:
    """A paused broker answers nothing, and continues when resumed."""
    topic = names("payments")
    create(own_cluster.bootstrap, topic, 1)

    async def scenario() -> list[bytes | None]:
        own_cluster.broker.pause()
        sending = asyncio.create_task(_produce(own_cluster.bootstrap, topic, b"late"))
        done, _ = await asyncio.wait([sending], timeout=0.5)
        assert not done
        own_cluster.broker.resume()
        await sending
        return await _consume(own_cluster.bootstrap, topic, 1)

    assert asyncio.run(scenario()) == [b"late"]
