"""Changes to aiokafka itself, for the whole process; docs/performance.md has their measured effect.

Each program calls `patch_aiokafka` once, at its start.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiokafka import client, conn, errors
from aiokafka.consumer import fetcher
from aiokafka.producer import sender

from fraudstream.kafka.allowance import BoundedFetchResult
from fraudstream.kafka.attempts import attempts
from fraudstream.kafka.partition_records import FetchedBytes, PartitionRecords

_BEGIN_RETRY_S = 0.001
_CLOSED = "the handler is closed"
_client: Any = client
_fetcher: Any = fetcher


class InvalidRecordError(errors.BrokerResponseError):
    """A record without a key in a compacted topic, or one that a broker's rule refuses."""

    errno = 87
    message = "INVALID_RECORD"
    description = "The broker refuses the record."


def patch_aiokafka() -> None:
    """Apply all patches; applying them again changes nothing."""
    _register_invalid_record_error()
    _read_damaged_records()
    _retry_begin_soon()
    _note_attempts()


def require_patches() -> None:
    """Raise RuntimeError in a program that has not called `patch_aiokafka`."""
    if _client.create_conn is conn.create_conn:
        raise RuntimeError("call patch_aiokafka() at the program's start")


def _register_invalid_record_error() -> None:
    """Make all clients raise InvalidRecordError for Kafka's error 87, which aiokafka reports as UnknownError."""
    errors.kafka_errors[InvalidRecordError.errno] = InvalidRecordError


def _read_damaged_records() -> None:
    """Make all consumers return `fraudstream.record.Record`s, and `Unreadable`s in place of unparsable bytes.

    Unpatched, aiokafka raises at the first damaged byte, and drops the records already taken from other partitions. It
    also creates a ConsumerRecord of eleven fields for each record, which costs more than the rest of its reading.
    """
    _fetcher.MemoryRecords = FetchedBytes
    _fetcher.PartitionRecords = PartitionRecords
    _fetcher.FetchResult = BoundedFetchResult


def _retry_begin_soon() -> None:
    """Make all producers wait for 1 ms, not 20, while the broker is still finishing the last transaction.

    The broker has acknowledged the commit already, and needs a few ms to write the marker to each partition.
    """
    sender.BACKOFF_OVERRIDE = _BEGIN_RETRY_S


def _note_attempts() -> None:
    """Make all clients record connection results in `fraudstream.kafka.attempts`, and close TLS immediately.

    Unpatched, aiokafka drops the error, and reports a wrong password like an unreachable broker.
    """
    _client.create_conn = attempts.noting(_connect)


async def _connect(host: str, port: int, **options: Any) -> Any:
    with closed_transport_is_an_outage():
        connection = await conn.create_conn(host, port, **options)
    writer = connection._writer  # noqa: SLF001
    writer.write = _write(writer.write)
    if options["ssl_context"] is not None:
        # uvloop waits up to 30 s for the close_notify of a TLS 1.3 connection with a response in transit
        writer.close = writer.transport.abort
    return connection


def _write(write: Callable[[bytes], None]) -> Callable[[bytes], None]:
    def write_data(data: bytes) -> None:
        with closed_transport_is_an_outage():
            write(data)

    return write_data


@contextmanager
def closed_transport_is_an_outage() -> Iterator[None]:
    """Raise ConnectionResetError where uvloop raises RuntimeError because the transport has just been closed.

    asyncio's own transports drop data that is written then; aiokafka expects an OSError.
    """
    try:
        yield
    except RuntimeError as error:
        if _CLOSED not in str(error):
            raise
        raise ConnectionResetError("the connection was closed") from None
