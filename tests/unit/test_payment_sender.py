"""The payment sender's queue: partitions, outages, failed producers and changed topics, without Kafka."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable
from typing import Any
from unittest.mock import MagicMock

import pytest
from aiokafka.errors import KafkaError

from fraudstream.errors import AccessRefusedError
from fraudstream.kafka import payment_sender
from fraudstream.kafka.payment_producer import Batch
from fraudstream.kafka.payment_sender import Delivery, PaymentSender
from fraudstream.kafka.refused_records import TopicLimits
from fraudstream.record import KeyedMessage

# results of org.apache.kafka.common.utils.Utils.murmur2, from Kafka's own tests
JAVA = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536, b"abc": 479470107}
UNAVAILABLE, AVAILABLE = "Kafka is unavailable: waiting, nothing is lost", "Kafka is available again"
BATCH = 3


class Topic:
    """A topic, and the producer that sends to it: it stores each batch, and responds when the test allows it."""

    def __init__(self, partitions: int = 4) -> None:
        self.partitions = partitions
        self.stored: dict[int, list[KeyedMessage]] = defaultdict(list)
        self.answers = asyncio.Event()
        self.answers.set()
        self.failures = 0
        self.refusal: Exception | None = None
        self.producers = 0
        self.asked = 0

    async def start(self, _: asyncio.Event) -> Any:
        """Return another producer."""
        self.producers += 1
        self.sending = asyncio.get_running_loop().create_future()
        return self

    async def is_asked_again(self) -> None:
        """Wait until the number of partitions has been read several times."""
        enough = self.asked + 5
        await _until(lambda: self.asked >= enough)

    def assert_placed(self, count: int) -> None:
        """Check that each key is in its partition."""
        for key, value in JAVA.items():
            assert key in [one.key for one in self.stored[(value & 0x7FFFFFFF) % count]]

    def partition_count(self) -> int:
        """Return the number that the topic reports."""
        self.asked += 1
        return self.partitions

    async def find_topic(self) -> bool:
        """Find it."""
        return True

    async def end(self) -> None:
        """Send nothing more."""

    async def stop(self) -> None:
        """Disconnect."""

    async def begin(self, partition: int, messages: Iterable[KeyedMessage]) -> Batch:
        """Store up to three messages."""
        if self.refusal:
            raise self.refusal
        sent = [message for message, _ in zip(messages, range(BATCH), strict=False)]
        offset = len(self.stored[partition])
        self.stored[partition] += sent
        return Batch(sent, TopicLimits(topic="payments"), asyncio.ensure_future(self._respond(offset)))

    async def _respond(self, offset: int) -> Any:
        await self.answers.wait()
        if self.failures:
            self.failures -= 1
            raise KafkaError("broken")
        return MagicMock(offset=offset)

    async def result(self, batch: Batch) -> int:
        """Return the offset, or raise."""
        return int(batch.stored.result().offset)


class Scene:
    """A sender, its topic, what it reported and what it logged."""

    def __init__(self, topic: Topic, producer: Any) -> None:
        self.topic = topic
        self.log = MagicMock()
        self.deliveries: list[Delivery] = []
        self.sender = PaymentSender(producer, topic.start, self.deliveries.append, self.log)

    def lines(self) -> list[str]:
        """Return the events of warnings and information, in order."""
        return [str(call.args[0]) for call in self.log.mock_calls if call[0] in ("info", "warning")]

    def put(self, *keys: bytes, value: bytes = b"") -> None:
        """Queue a message for each key."""
        self.sender.put([KeyedMessage(key, value, 0) for key in keys])

    def delivered(self, key: bytes) -> list[bytes | None]:
        """Return the values reported for a key, in order."""
        return [one.value for delivery in self.deliveries for one in delivery.messages if one.key == key]


def _run(scenario: Callable[[Scene], Coroutine[Any, Any, None]], partitions: int = 4) -> Scene:
    async def main() -> Scene:
        topic = Topic(partitions)
        scene = Scene(topic, await topic.start(asyncio.Event()))
        scene.sender.open()
        async with asyncio.timeout(60):
            await scenario(scene)
        await scene.sender.close()
        return scene

    return asyncio.run(main())


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


class Clock:
    """A clock that a test moves."""

    now_s = 1_000.0

    def monotonic(self) -> float:
        """Return its time."""
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Provide the sender's clock."""
    clock = Clock()
    monkeypatch.setattr(payment_sender, "time", clock)
    monkeypatch.setattr(payment_sender, "_CHECK_EVERY_S", 0.005)
    return clock


def test_partitions_agree_with_java() -> None:
    """The hashes are known ones of the Java client."""

    async def scenario(scene: Scene) -> None:
        scene.put(*JAVA)
        assert await scene.sender.flush(5) == 0
        scene.topic.assert_placed(1_003)

    _run(scenario, 1_003)


def test_an_outage_begins_and_ends_once(clock: Clock) -> None:
    """It has one line at each end, however many messages wait and however many responses come then."""

    async def scenario(scene: Scene) -> None:
        assert await scene.sender.has_room(5)
        scene.topic.answers.clear()
        scene.put(*(b"%d" % number for number in range(50)))
        clock.now_s += 1.9
        assert await scene.sender.has_room(0.01)
        clock.now_s += 10.1
        for _ in range(3):
            assert not await scene.sender.has_room(0.01)
        assert scene.sender.kafka_unavailable
        scene.topic.answers.set()
        assert await scene.sender.flush(5) == 0
        assert not scene.sender.kafka_unavailable

    scene = _run(scenario)
    assert scene.lines() == [UNAVAILABLE, AVAILABLE]
    assert scene.log.info.call_args.kwargs["outage_s"] == 12


def test_an_outage_is_measured_from_the_last_response(clock: Clock) -> None:
    """It begins also while other messages were acknowledged, and the next one is logged again."""

    async def scenario(scene: Scene) -> None:
        for _ in range(2):
            scene.put(b"1")
            clock.now_s += 1.5
            await _until(lambda: not scene.sender.waiting)
            scene.topic.answers.clear()
            scene.put(b"2", b"3")
            clock.now_s += 1.5
            assert await scene.sender.has_room(0.01)
            clock.now_s += 1
            assert not await scene.sender.has_room(0.01)
            scene.topic.answers.set()
            assert await scene.sender.flush(5) == 0

    assert _run(scenario).lines() == [UNAVAILABLE, AVAILABLE] * 2


def test_silence_is_fine_where_nothing_is_waiting(clock: Clock) -> None:
    """No response is expected when all messages have been acknowledged."""

    async def scenario(scene: Scene) -> None:
        for _ in range(2):
            scene.put(b"1")
            assert await scene.sender.flush(5) == 0
            clock.now_s += 100
            assert await scene.sender.has_room(0.01)

    assert _run(scenario).lines() == []


def test_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no room while the limit of messages is waiting."""
    monkeypatch.setattr(payment_sender, "_MAX_WAITING", 5)

    async def scenario(scene: Scene) -> None:
        scene.topic.answers.clear()
        scene.put(b"1", b"2", b"3", b"4", b"5")
        assert not await scene.sender.has_room(0.01)
        scene.topic.answers.set()
        assert await scene.sender.has_room(5)

    _run(scenario)


@pytest.mark.usefixtures("clock")
def test_unacknowledged_messages_are_sent_again() -> None:
    """They may be stored twice, in order; each is reported once."""

    async def scenario(scene: Scene) -> None:
        scene.topic.failures = 2
        keys = [b"%d" % number for number in range(40)]
        scene.put(*keys)
        assert await scene.sender.flush(10) == 0
        assert sorted(one.key for delivery in scene.deliveries for one in delivery.messages) == sorted(keys)
        for stored in scene.topic.stored.values():
            assert list(dict.fromkeys(stored)) == sorted(set(stored), key=lambda one: int(one.key))

    scene = _run(scenario)
    assert scene.topic.producers > 1
    assert set(scene.lines()) == {"producer failed, starting a new one"}


def test_a_lower_number_of_partitions_counts_only_when_it_lasts(clock: Clock) -> None:
    """A broker that has just started may report fewer: no key moves; a re-created topic with fewer gets all."""

    async def scenario(scene: Scene) -> None:
        scene.topic.partitions = 1
        clock.now_s += 19
        scene.put(*JAVA, value=b"1")
        await scene.topic.is_asked_again()
        scene.topic.partitions = 4
        assert await scene.sender.flush(5) == 0
        scene.topic.assert_placed(4)
        scene.topic.partitions = 1
        scene.put(*JAVA, value=b"2")
        scene.put(*JAVA, value=b"3")
        await scene.topic.is_asked_again()
        clock.now_s += 21
        assert await scene.sender.flush(5) == 0
        assert all(scene.delivered(key) == [b"1", b"2", b"3"] for key in JAVA)
        assert not any(one.value == b"3" for number in range(1, 4) for one in scene.topic.stored[number])

    _run(scenario)


@pytest.mark.usefixtures("clock")
def test_added_partitions_are_used() -> None:
    """The waiting messages move too, those of one key in order."""

    async def scenario(scene: Scene) -> None:
        scene.put(*JAVA, value=b"1")
        scene.topic.partitions = 1_003
        await _until(lambda: scene.topic.producers > 1)
        scene.put(*JAVA, value=b"2")
        assert await scene.sender.flush(5) == 0
        assert all(scene.delivered(key) == [b"1", b"2"] for key in JAVA)
        scene.topic.assert_placed(1_003)

    _run(scenario)


def test_an_error_that_a_user_must_resolve_ends_the_sender() -> None:
    """Each call that waits raises it."""

    async def scenario(scene: Scene) -> None:
        scene.topic.refusal = AccessRefusedError("grant Write")
        scene.put(b"1")
        for wait in (scene.sender.flush, scene.sender.has_room, scene.sender.flush):
            with pytest.raises(AccessRefusedError, match="grant Write"):
                await wait(5)
        assert scene.sender.waiting == 1

    _run(scenario)
