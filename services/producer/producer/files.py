"""Payments from a user's file, sent as they are read."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from fraudstream.errors import PaymentFileError
from fraudstream.kafka.connection import Log
from fraudstream.payment import ID
from fraudstream.payment_files.reading import opened
from fraudstream.payment_files.rejections import Rejections
from fraudstream.payment_files.rows import Schema, payments
from fraudstream.record import KeyedMessage
from producer.identifiers import PaymentIds

Row = tuple[int, bytes]
"""A payment_id, and the payment as JSON."""


class FileSource:
    """Payments of one file, in order. A row without a payment_id gets one; rejected rows are logged."""

    def __init__(self, path: Path, ids: PaymentIds, log: Log) -> None:
        self._rows = _rows(path, payments(lambda _: ids.take(1)[0]), log)
        self._problem: PaymentFileError | None = None

    def take(self, count: int, now_ms: int) -> list[KeyedMessage]:
        """Return the next `count` rows, none at the end. The call after the last good row raises PaymentFileError."""
        messages: list[KeyedMessage] = []
        if self._problem is None:
            try:
                for payment_id, value in islice(self._rows, count):
                    messages.append(KeyedMessage(b"%d" % payment_id, value, now_ms))
            except PaymentFileError as problem:
                self._problem = problem
        if self._problem is not None and not messages:
            raise self._problem
        return messages


def check(path: Path) -> None:
    """Raise PaymentFileError if the file can't be read, or is not in a known format."""
    try:
        with opened(path, payments(lambda line: line)):
            pass
    except PaymentFileError as error:
        raise PaymentFileError(f"PAYMENTS_FILE: {error}") from None


def _rows(path: Path, schema: Schema, log: Log) -> Iterator[Row]:
    rejections = Rejections(path, log)
    with opened(path, schema) as table:
        log.info("file format", file=str(path), **table.detected)
        for batch in table.batches:
            rejections.add(batch.rejected)
            values = batch.values or (json.dumps(row, separators=(",", ":")).encode() for row in batch.rows)
            for row, value in zip(batch.rows, values, strict=True):
                yield row[ID], value
    rejections.finish()
