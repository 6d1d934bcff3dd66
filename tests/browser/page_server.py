"""The page's own server in this process, filled by a test instead of Kafka and scrapes."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AsyncExitStack
from typing import Any, Self

import pytest

from dashboard import find
from dashboard.board import Board
from dashboard.exposition import Reading
from dashboard.find import Finder
from dashboard.replicas import Answer, Replicas
from dashboard.viewers import Viewers
from dashboard.web import LIMITS, LINKED, application
from fraudstream.payment_schema import PaymentSchema
from fraudstream.runtime.http_guard import Guard
from fraudstream.runtime.http_server import served
from fraudstream.runtime.own_command import IN_COMPOSE
from fraudstream.runtime.run import alongside
from fraudstream.runtime.settings import KafkaSettings
from fraudstream.scored_payment import ScoredFormat
from fraudstream.timestamps import rfc3339
from tests.unit.test_board import Record

VERSION = "0123456789ab"
_WAIT_S = 20


class PageServer:
    """A page of payments of `schema` at `url`; all methods return once the page's server has the data."""

    def __init__(self, schema: PaymentSchema, currency: str = "", command: str = IN_COMPOSE) -> None:
        self.schema = schema
        self.board = Board(
            "kafka:9092", ScoredFormat(schema), Replicas(), time.time(), currency=currency, command=command
        )
        self.url = ""
        self._records = list[Record]()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._stack = AsyncExitStack()
        self._patch = pytest.MonkeyPatch()

    def __enter__(self) -> Self:
        self._patch.setattr(find, "record_at", self._record_at)
        self._thread.start()
        self.url = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(_WAIT_S)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stack.aclose(), self._loop).result(_WAIT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_WAIT_S)
        self._loop.close()
        self._patch.undo()

    def add_scored(self, payment: dict[str, Any], probability: float, decision: str, **more: Any) -> None:
        """Add a scored payment: the message's object, and our fields."""
        now_ms = round(1_000 * time.time())
        value = payment | {
            "fraud_probability": probability,
            "decision": decision,
            "model_version": VERSION,
            "reasons": [],
            "source_partition": 0,
            "source_offset": len(self._records),
            "scored_at": rfc3339(now_ms),
        }
        record = Record(len(self._records), now_ms - 12, value=json.dumps(value | more).encode())
        self._records.append(record)
        self._call(lambda: self.board.add_scored(0, [record], time.time()))

    def add_dead(
        self, key: bytes, value: bytes, reason: str, detail: str, *, partition: int = 0, seconds_ago: float = 0
    ) -> None:
        """Add a dead letter of the partition, written that long ago."""
        headers: list[tuple[str, bytes | None]] = [("dlq.reason", reason.encode()), ("dlq.detail", detail.encode())]
        headers += [("dlq.topic", b"payments"), ("dlq.partition", b"0"), ("dlq.offset", b"17")]
        record = Record(5, round(1_000 * (time.time() - seconds_ago)), key=key, value=value, headers=headers)
        self._call(lambda: self.board.add_dead(partition, [record], time.time()))

    def answer(self, name: str, reading: Reading) -> None:
        """Take a scrape's reading of the service `name`."""
        self._call(lambda: self.board.replicas.update(name, {name: Answer(name, reading)}, time.time()))

    def lose(self, name: str) -> None:
        """Let the service `name` answer no longer."""
        self._call(lambda: self.board.replicas.update(name, {name: Answer(name, None, "gone")}, time.time()))

    def measure(self, group_lag: int | None = None) -> None:
        """Store what the scorers measure, or the lag of the group that is read without a scorer."""
        self.board.replicas.group_lag = group_lag
        self._call(lambda: self.board.measure(time.time()))

    def _call(self, function: Callable[[], object]) -> None:
        done = Future[None]()

        def run() -> None:
            try:
                function()
                done.set_result(None)
            except Exception as error:  # noqa: BLE001 - raised in the test's thread
                done.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        done.result(_WAIT_S)

    async def _start(self) -> str:
        viewers = Viewers(self.board)
        self.board.connected(time.time(), caught_up=True)
        self.board.start_history(time.time(), ())
        made = application(viewers, Finder(KafkaSettings.from_env({}), "scored", self.board))
        guard = Guard(names=frozenset(), variable="DASHBOARD_HOSTS", linked=LINKED)
        url = await self._stack.enter_async_context(
            served(made, guard, LIMITS, host="127.0.0.1", port=0, variable="DASHBOARD_PORT")
        )
        await self._stack.enter_async_context(alongside(viewers.run()))
        return url

    async def _record_at(self, *place: object) -> Record:
        _, _, _, offset, _ = place
        assert isinstance(offset, int)
        return self._records[offset]
