"""Search of a payment by id: the board has its offset, Kafka its record."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from dashboard.board import Board
from dashboard.records import shown
from dashboard.search_ids import parse_id
from fraudstream.kafka.reading import record_at
from fraudstream.runtime.settings import KafkaSettings

_MOST = 20
_CONCURRENT = 4
_MOST_SEARCHES = 24
"""Running and waiting searches."""
_ANSWER_S = 5.0
_RECORD_MS = 2_000


class TooManySearchesError(Exception):
    """Too many searches are running or waiting."""


class Finder:
    """Searches by payment id, at most 4 at a time and 24 including waiting ones."""

    def __init__(self, kafka: KafkaSettings, topic: str, board: Board) -> None:
        """Search in `topic`, which contains the scored payments."""
        self._kafka = kafka
        self._topic = topic
        self._board = board
        self._turn = asyncio.Semaphore(_CONCURRENT)
        self._searches = 0

    async def find(self, text: str) -> dict[str, Any]:
        """Return the records whose payment has the id `text`, the latest first, at most 20, and what describes them.

        Raises NoIdError if no payment can have that id, TooManySearchesError, and KafkaError or TimeoutError if Kafka
        is unavailable.
        """
        wanted = parse_id(text, self._board.schema)
        if self._searches >= _MOST_SEARCHES:
            raise TooManySearchesError
        self._searches += 1
        try:
            payments = await self._payments(wanted)
        finally:
            self._searches -= 1
        return {
            "id": str(wanted),
            "payments": payments,
            "dead_letters": self._board.dead_with_key(str(wanted)),
            "searched": len(self._board.recent),
            "since": self._board.found_since_s,
            "schema": self._board.described,
            "commands": self._board.commands,
            "rules": self._board.replicas.rules(),
        }

    async def _payments(self, wanted: int | str) -> list[dict[str, Any]]:
        try:
            await asyncio.wait_for(self._turn.acquire(), _ANSWER_S)
        except TimeoutError:
            raise TooManySearchesError from None
        try:
            async with asyncio.timeout(_ANSWER_S):
                return [payment async for payment in self._read(wanted)]
        finally:
            self._turn.release()

    async def _read(self, wanted: int | str) -> AsyncIterator[dict[str, Any]]:
        board = self._board
        for place in board.recent.find(wanted, _MOST):
            record = await record_at(self._kafka, self._topic, place.partition, place.offset, _RECORD_MS)
            payment = board.scored.read(record.value) if record else None
            if record and payment and payment.id == wanted:
                yield shown(payment, board.schema, record.timestamp)
