"""Payments from a user's file, sent as they are read."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from fraudstream.errors import PaymentFileError
from fraudstream.kafka.connection import Log
from fraudstream.payment import PaymentFormat
from fraudstream.payment_files.reading import opened
from fraudstream.payment_files.rejections import Rejections
from fraudstream.payment_files.rows import columns, line_ids, payments
from fraudstream.payment_schema import PaymentSchema
from fraudstream.record import KeyedMessage
from producer.identifiers import Ids
from producer.source import keys

KeyAndValue = tuple[bytes, bytes]


class FileSource:
    """Payments of one file, in order. A row without an id gets one; rejected rows are logged."""

    def __init__(self, form: PaymentFormat, path: Path, ids: Ids, log: Log) -> None:
        self._rows = _rows(form, path, ids, log)
        self._problem: PaymentFileError | None = None

    def take(self, count: int, now_ms: int) -> list[KeyedMessage]:
        """Return the next `count` rows, none at the end. The call after the last good row raises PaymentFileError."""
        messages: list[KeyedMessage] = []
        if self._problem is None:
            try:
                for key, value in islice(self._rows, count):
                    messages.append(KeyedMessage(key, value, now_ms))
            except PaymentFileError as problem:
                self._problem = problem
        if self._problem is not None and not messages:
            raise self._problem
        return messages


def check(schema: PaymentSchema, path: Path) -> None:
    """Raise PaymentFileError if the file can't be read, or is not in a known format."""
    try:
        with opened(path, payments(schema, line_ids(schema))):
            pass
    except PaymentFileError as error:
        raise PaymentFileError(f"PAYMENTS_FILE: {error}") from None


def _rows(form: PaymentFormat, path: Path, ids: Ids, log: Log) -> Iterator[KeyAndValue]:
    rejections = Rejections(path, log)
    with opened(path, payments(form.schema, lambda _: ids.take(1)[0])) as table:
        log.info("file format", file=str(path), **table.detected)
        for batch in table.batches:
            rejections.add(batch.rejected)
            # lines of JSON are sent as they are, with the members that no field declares
            values = batch.values or (form.encode_all(columns(form.schema, batch.rows)) if batch.rows else ())
            yield from zip(keys(form.schema, batch.rows), values, strict=True)
    rejections.finish()
