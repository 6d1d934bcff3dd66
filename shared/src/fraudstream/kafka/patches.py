"""All that is changed of aiokafka itself, for the whole process; docs/performance.md has what it brings."""

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
    """A record that the topic does not accept: without a key where it is compacted, or refused by a broker's rule."""

    errno = 87
    message = "INVALID_RECORD"
    description = "The broker refuses the record."


def register_invalid_record_error() -> None:
    """All clients raise InvalidRecordError for Kafka's error 87; aiokafka does not know it and reports UnknownError."""
    errors.kafka_errors[InvalidRecordError.errno] = InvalidRecordError


def read_damaged_records() -> None:
    """All consumers return `fraudstream.record.Record`s, and `Unreadable`s in place of what can't be parsed.

    aiokafka would raise at the first damaged byte, and drop what it has taken of other partitions by then. It would
    also make a ConsumerRecord of eleven fields of each record, which costs more than all the rest of its reading.
    """
    _fetcher.MemoryRecords = FetchedBytes
    _fetcher.PartitionRecords = PartitionRecords
    _fetcher.FetchResult = BoundedFetchResult


def retry_begin_soon() -> None:
    """All producers wait for 1 ms, not 20, where the broker is still finishing the last transaction.

    It has told the client by then that the transaction is committed, and needs a few ms to say so in each partition.
    """
    sender.BACKOFF_OVERRIDE = _BEGIN_RETRY_S


def note_attempts() -> None:
    """All clients note how each attempt to connect ends, in `fraudstream.kafka.attempts`, and close at once under TLS.

    They drop the error, and say the same of a wrong password as of a broker that is away.
    """
    _client.create_conn = attempts.noting(_connection)


async def _connection(host: str, port: int, **options: Any) -> Any:
    with closed_transport_is_an_outage():
        connection = await conn.create_conn(host, port, **options)
    writer = connection._writer  # noqa: SLF001
    writer.write = _write(writer.write)
    if options["ssl_context"] is not None:
        # uvloop waits for up to 30 s for the farewell of a TLS 1.3 connection on which an answer is under way
        writer.close = writer.transport.abort
    return connection


def _write(write: Callable[[bytes], None]) -> Callable[[bytes], None]:
    def written(data: bytes) -> None:
        with closed_transport_is_an_outage():
            write(data)

    return written


@contextmanager
def closed_transport_is_an_outage() -> Iterator[None]:
    """Raise ConnectionResetError where uvloop raises RuntimeError: the transport has just been closed.

    asyncio's own transports drop what is written then; aiokafka expects an OSError.
    """
    try:
        yield
    except RuntimeError as error:
        if _CLOSED not in str(error):
            raise
        raise ConnectionResetError("the connection was closed") from None
