"""A sample of a history's payments: what is repeated for a schema that is not simulated."""

from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any

from fraudstream.errors import FraudstreamError, PaymentFileError
from fraudstream.kafka.connection import Log
from fraudstream.payment_files.reading import opened
from fraudstream.payment_files.rejections import Rejections
from fraudstream.payment_files.rows import line_ids, payments
from fraudstream.payment_schema import PaymentSchema

Values = tuple[Any, ...]
"""Values of a payment, in the order of the schema's fields."""
_MOST_ROWS = 100_000
_MOST_VALUES = 2_000_000
_MOST_CHARACTERS = 1 << 26
_HINT = "a payment.toml of your own has no simulation: set TRAINING_DATA to a history of its payments, or PAYMENTS_FILE"


class Sample:
    """A uniform sample of rows, with limits on their number, their values and the characters of their texts."""

    def __init__(self, random: Random, fields: int) -> None:
        self.rows: list[Values] = []
        self._random = random
        self._capacity = max(1, min(_MOST_ROWS, _MOST_VALUES // fields))
        self._seen = self._characters = 0

    def add(self, row: Iterable[Any]) -> None:
        """Add a row, in the place of a random one if there is no more room (Vitter, algorithm R)."""
        self._seen += 1
        place = len(self.rows)
        if place < self._capacity:
            self.rows.append(())
        else:
            place = int(self._random.random() * self._seen)
            if place >= self._capacity:
                return
        new, old = tuple(row), self.rows[place]
        self.rows[place] = new
        self._characters += _characters(new) - _characters(old)
        while self._characters > _MOST_CHARACTERS and len(self.rows) > 1:
            # half of a uniform sample is a uniform sample
            self._random.shuffle(self.rows)
            self._capacity = len(self.rows) // 2
            del self.rows[self._capacity :]
            self._characters = sum(map(_characters, self.rows))


def _characters(row: Values) -> int:
    return sum([len(value) for value in row if isinstance(value, str)])


def sample(path: Path, schema: PaymentSchema, random: Random, log: Log, is_stopped: Callable[[], bool]) -> list[Values]:
    """Return rows of the whole history, at most 100,000 and fewer of many fields or long texts; blocks.

    Calls `is_stopped` some times a second, and then returns what it has. Raises FraudstreamError if there is no payment
    of the schema.
    """
    rejections, kept = Rejections(path, log), Sample(random, len(schema.fields))
    try:
        with opened(path, payments(schema, line_ids(schema))) as table:
            log.info("file format", file=str(path), **table.detected)
            for batch in table.batches:
                rejections.add(batch.rejected)
                for row in batch.rows:
                    kept.add(row.values())
                if is_stopped():
                    return kept.rows
    except PaymentFileError as error:
        raise FraudstreamError(f"TRAINING_DATA: {error}; {_HINT}") from None
    rejections.finish()
    if not kept.rows:
        raise FraudstreamError(f"TRAINING_DATA: {path} has no valid payment; {_HINT}")
    return kept.rows
