"""One payment by its id: where it is, the board knows; what it says, Kafka."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from dashboard.board import Board
from dashboard.records import shown
from fraudstream.kafka.reading import record_at
from fraudstream.runtime.settings import KafkaSettings
from fraudstream.scored_payment import scored_payment

_MOST = 20
_AT_ONCE = 4
_MOST_SEARCHES = 24
"""Running and waiting ones together."""
_ANSWER_S = 5.0
_RECORD_MS = 2_000


class TooManySearchesError(Exception):
    """No search can begin until another one has ended."""


class Finder:
    """Answers a few searches at a time; a few others wait."""

    def __init__(self, kafka: KafkaSettings, topic: str, board: Board) -> None:
        """`topic` is that of the scored payments."""
        self._kafka = kafka
        self._topic = topic
        self._board = board
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._searches = 0

    async def find(self, payment_id: int) -> dict[str, Any]:
        """The records with that id, the latest first, at most 20.

        Raises TooManySearchesError, and KafkaError or TimeoutError without Kafka.
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
            "since": self._board.found_since(),
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
