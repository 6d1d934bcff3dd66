"""Fetches of single batches, to find out why consumers get no record at an offset."""

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED
from aiokafka.errors import CorruptRecordException, NoError, OffsetOutOfRangeError, RequestTimedOutError, for_code
from aiokafka.protocol.fetch import FetchRequest

from fraudstream.kafka.frames import frames
from fraudstream.kafka.record_batches import open_batch
from fraudstream.kafka.salvage import UndecodableError

_WAIT_MS = 500
# a broker returns the first batch whole, whatever its size
_BYTES = 1


async def never_a_record(consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int) -> bool:
    """Return whether a transaction marker or an aborted record is at the offset: no consumer ever got a record there.

    False if a committed record is there, or none because of compaction. Raises KafkaError.
    """
    error_code, fetched, aborted = await _fetch_batch(consumer, partition, offset)
    if error_code == OffsetOutOfRangeError.errno:
        return False
    if error_code:
        raise for_code(error_code)
    return _is_hidden(fetched, offset, aborted)


async def serves_nothing_else(consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int, raw: bytes) -> bool:
    """Return whether a fetch from `offset`, where records are retained, returns the batch `raw` again, or nothing.

    A broker returns nothing if its own file is damaged. Raises KafkaError.
    """
    error_code, fetched, _ = await _fetch_batch(consumer, partition, offset)
    if error_code == OffsetOutOfRangeError.errno:
        return False
    if error_code not in (NoError.errno, CorruptRecordException.errno):
        raise for_code(error_code)
    length = min(len(fetched), len(raw))  # if its length field is damaged, each response truncates it differently
    return fetched[:length] == raw[:length]


async def _fetch_batch(
    consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int
) -> tuple[int, bytes, list[tuple[int, int]]]:
    """Return the error code, the first batch's bytes, and the aborted transactions. Raises KafkaError."""
    await consumer.end_offsets([partition])  # looks up the partition's leader
    client = consumer._client  # noqa: SLF001
    topics = [(partition.topic, [(partition.partition, offset, _BYTES)])]
    response = await client.send(
        client.cluster.leader_for_partition(partition), FetchRequest(_WAIT_MS, 1, _BYTES, READ_COMMITTED, topics)
    )
    if not response.topics:
        raise RequestTimedOutError("the broker throttled the fetch: a quota is exceeded")
    ((_, ((_, error_code, *rest),)),) = response.topics
    aborted = next((part for part in rest if isinstance(part, list)), [])
    return error_code, bytes(rest[-1] or b""), aborted


def _is_hidden(fetched: bytes, offset: int, aborted: list[tuple[int, int]]) -> bool:
    """Return whether the first batch covers `offset` and is hidden; `aborted`: producer ids, first aborted offsets."""
    data = next(frames(fetched), memoryview(b""))
    try:
        batch = open_batch(data)
    except UndecodableError:
        return False
    if batch.producer_id is None or not batch.base_offset <= offset < batch.next_offset:
        return False
    return bool(batch.is_control_batch) or (
        batch.is_transactional
        and any(producer == batch.producer_id and first <= batch.base_offset for producer, first in aborted)
    )
