"""The producer's loop."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from fraudstream.record import KeyedMessage
from fraudstream.runtime.heartbeat import Heartbeat
from producer.loop import make_payments
from producer.pacing import Pace

MESSAGE = KeyedMessage(b"1", b"{}", 0)


class Endless:
    """A source without an end, or with one."""

    def __init__(self, left: int = 10**9) -> None:
        self.left = left

    def take(self, count: int, now_ms: int) -> list[KeyedMessage]:
        """Return up to `count` of the remaining messages."""
        assert now_ms > 1_700_000_000_000
        some = min(count, self.left)
        self.left -= some
        return [MESSAGE] * some


class FakeSender:
    """A sender that is unavailable for the first `away_for` calls of `has_room()`."""

    def __init__(self, away_for: int = 0, then: Callable[[], None] = lambda: None) -> None:
        self.got: list[KeyedMessage] = []
        self.kafka_unavailable = False
        self.refused: str | None = None
        self._away_for = away_for
        self._then = then

    async def has_room(self, timeout_s: float) -> bool:
        """Return whether the sender is available; called before each round."""
        assert 0 < timeout_s <= 1
        self._then()
        self._away_for -= 1
        self.kafka_unavailable = self._away_for >= 0
        return not self.kafka_unavailable

    def put(self, messages: list[KeyedMessage]) -> None:
        """Take messages, of which there must be none while the sender is unavailable."""
        assert not self.kafka_unavailable
        self.got += messages


def _run(folder: Path, sender: FakeSender, source: Endless, *, limit: int | None = None, stop_set: bool = False) -> str:
    async def scenario() -> str:
        stop = asyncio.Event()
        if stop_set:
            stop.set()
        heartbeat = Heartbeat(folder / "heartbeat")
        loop = make_payments(source, sender, pace=Pace(1e6, 0.0), limit=limit, heartbeat=heartbeat, stop=stop)
        return await asyncio.wait_for(loop, 60)

    return asyncio.run(scenario())


def test_limit(tmp_path: Path) -> None:
    """The limit is exact, though a round at this pace has 20,000 payments."""
    sender = FakeSender()
    assert _run(tmp_path, sender, Endless(), limit=45_001) == "limit"
    assert len(sender.got) == 45_001


def test_end_of_the_source(tmp_path: Path) -> None:
    """All messages of the source are sent, also where the limit is higher."""
    for limit in (None, 100):
        sender = FakeSender()
        assert _run(tmp_path, sender, Endless(7), limit=limit) == "end of the source"
        assert len(sender.got) == 7


def test_nothing_is_created_while_kafka_is_unavailable(tmp_path: Path) -> None:
    """The heartbeat has the reason."""
    states = []
    sender = FakeSender(3, lambda: states.append(_state(tmp_path)))
    assert _run(tmp_path, sender, Endless(), limit=10) == "limit"
    assert states[:4] == [None, "Kafka unavailable", "Kafka unavailable", "Kafka unavailable"]
    assert _state(tmp_path) == "ready"


def test_stop(tmp_path: Path) -> None:
    """After a stop request nothing more is created."""
    sender = FakeSender()
    assert _run(tmp_path, sender, Endless(), stop_set=True) == "stop signal"
    assert sender.got == []


def _state(folder: Path) -> str | None:
    path = folder / "heartbeat"
    return path.read_text(encoding="utf-8") if path.exists() else None
