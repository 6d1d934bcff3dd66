"""One payment by its id: where it is, the board knows; what it says, Kafka."""

import asyncio
from typing import Any

from dashboard.board import Board
from dashboard.records import shown
from fraudstream.kafka.reading import record_at
from fraudstream.scored_payments import scored_payment
from fraudstream.settings import KafkaSettings

_MOST = 20
_AT_ONCE = 4
_ANSWER_S = 5.0
_RECORD_MS = 2_000


class Finder:
    """Answers a few searches at a time; the others wait."""

    def __init__(self, kafka: KafkaSettings, topic: str, board: Board) -> None:
        """`topic` is that of the scored payments."""
        self._kafka = kafka
        self._topic = topic
        self._board = board
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def find(self, payment_id: int) -> dict[str, Any]:
        """The records with that id, the latest first, at most 20. Raises KafkaError or TimeoutError without Kafka."""
        payments = []
        async with self._turn, asyncio.timeout(_ANSWER_S):
            for place in self._board.recent.find(payment_id, _MOST):
                record = await record_at(self._kafka, self._topic, place.partition, place.offset, _RECORD_MS)
                payment = scored_payment(record.value) if record else None
                if record and payment and payment["payment_id"] == payment_id:
                    payments.append(shown(payment, record.timestamp))
        return {
            "payment_id": str(payment_id),
            "payments": payments,
            "dead_letters": self._board.dead_with_key(str(payment_id)),
            "searched": len(self._board.recent),
            "since": self._board.found_since(),
        }
