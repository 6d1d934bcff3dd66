"""Search of a payment by id: the board has its offset, Kafka its record."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from dashboard.board import Board
from dashboard.records import shown
from fraudstream.kafka.reading import record_at
from fraudstream.runtime.settings import KafkaSettings
from fraudstream.scored_payment import scored_payment

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

    async def find(self, payment_id: int) -> dict[str, Any]:
        """Return the records with that id, the latest first, at most 20.

        Raises TooManySearchesError, and KafkaError or TimeoutError if Kafka is unavailable.
        """
        if self._searches >= _MOST_SEARCHES:
            raise TooManySearchesError
        self._searches += 1
        try:
            payments = await self._payments(payment_id)
        finally:
            self._searches -= 1
        return {
            "payment_id": str(payment_id),
            "payments": payments,
            "dead_letters": self._board.dead_with_key(str(payment_id)),
            "searched": len(self._board.recent),
            "since": self._board.found_since_s,
        }

    async def _payments(self, payment_id: int) -> list[dict[str, Any]]:
        try:
            await asyncio.wait_for(self._turn.acquire(), _ANSWER_S)
        except TimeoutError:
            raise TooManySearchesError from None
        try:
            async with asyncio.timeout(_ANSWER_S):
                return [payment async for payment in self._read(payment_id)]
        finally:
            self._turn.release()

    async def _read(self, payment_id: int) -> AsyncIterator[dict[str, Any]]:
        for place in self._board.recent.find(payment_id, _MOST):
            record = await record_at(self._kafka, self._topic, place.partition, place.offset, _RECORD_MS)
            payment = scored_payment(record.value) if record else None
            if record and payment and payment["payment_id"] == payment_id:
                yield shown(payment, record.timestamp)
