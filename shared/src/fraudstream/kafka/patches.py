"""All that is changed of aiokafka itself, for the whole process; docs/performance.md has what it brings."""

from typing import Any

from aiokafka import client, conn, errors
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.producer import sender

from fraudstream.kafka.attempts import attempts

_BEGIN_RETRY_S = 0.002
_client: Any = client


class InvalidRecordError(errors.BrokerResponseError):
    """A record that the topic does not accept: without a key where it is compacted, or refused by a broker's rule."""

    errno = 87
    message = "INVALID_RECORD"
    description = "The broker refuses the record."


def register_invalid_record_error() -> None:
    """All clients raise InvalidRecordError for Kafka's error 87; aiokafka does not know it and reports UnknownError."""
    errors.kafka_errors[InvalidRecordError.errno] = InvalidRecordError


def hand_out_unwrapped_records() -> None:
    """All consumers hand out records as aiokafka parses them (`fraudstream.records.Record`), not ConsumerRecord.

    It would make one of eleven fields around each record, in Python. That costs more than all the rest of its reading,
    and adds nothing that is read here.
    """
    PartitionRecords._consumer_record = _unwrapped  # type: ignore[method-assign]  # noqa: SLF001


def retry_begin_soon() -> None:
    """All producers wait for 2 ms, not 20, where the broker is still finishing the last transaction.

    It has told the client by then that the transaction is committed, and needs a few ms to say so in each partition.
    """
    sender.BACKOFF_OVERRIDE = _BEGIN_RETRY_S


def note_attempts() -> None:
    """All clients note how each attempt to connect ends, in `fraudstream.kafka.attempts`, and close at once under TLS.

    They drop the error, and say the same of a wrong password as of a broker that is away.
    """
    _client.create_conn = attempts.noting(_quick_to_close)


async def _quick_to_close(host: str, port: int, **options: Any) -> Any:
    connection = await conn.create_conn(host, port, **options)
    if options["ssl_context"] is not None:
        # uvloop waits for up to 30 s for the farewell of a TLS 1.3 connection on which an answer is under way
        writer = connection._writer  # noqa: SLF001
        writer.close = writer.transport.abort
    return connection


def _unwrapped(_: PartitionRecords, __: object, record: Any) -> Any:
    return record
