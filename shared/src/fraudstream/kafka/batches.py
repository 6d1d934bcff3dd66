"""Fetches of single batches, to find out about offsets at which readers get no record."""

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED
from aiokafka.errors import CorruptRecordException, NoError, OffsetOutOfRangeError, RequestTimedOutError, for_code
from aiokafka.protocol.fetch import FetchRequest

from fraudstream.kafka.frames import frames
from fraudstream.kafka.record_batches import open_batch
from fraudstream.kafka.salvage import UndecodableError

_WAIT_MS = 500
# the first batch comes whole, however large it is
_BYTES = 1


async def never_a_record(consumer: AIOKafkaConsumer, place: TopicPartition, offset: int) -> bool:
    """Whether the offset holds a transaction's marker or an aborted record: no reader was ever given a record there.

    False where it holds a committed record, or none because of compaction. Raises KafkaError.
    """
    error_code, fetched, aborted = await _fetched(consumer, place, offset)
    if error_code == OffsetOutOfRangeError.errno:
        return False
    if error_code:
        raise for_code(error_code)
    return _is_hidden(fetched, offset, aborted)


async def serves_nothing_else(consumer: AIOKafkaConsumer, place: TopicPartition, offset: int, raw: bytes) -> bool:
    """Whether a fetch from `offset`, at which records are retained, returns the batch `raw` again, or nothing.

    Nothing is what a broker returns where its own file is damaged. Raises KafkaError.
    """
    error_code, fetched, _ = await _fetched(consumer, place, offset)
    if error_code == OffsetOutOfRangeError.errno:
        return False
    if error_code not in (NoError.errno, CorruptRecordException.errno):
        raise for_code(error_code)
    both = min(len(fetched), len(raw))  # where its length is damaged, each response cuts it differently
    return fetched[:both] == raw[:both]


async def _fetched(
    consumer: AIOKafkaConsumer, place: TopicPartition, offset: int
) -> tuple[int, bytes, list[tuple[int, int]]]:
    """Return the error code, the first batch's bytes, and the aborted transactions. Raises KafkaError."""
    await consumer.end_offsets([place])  # finds the partition's leader
    client = consumer._client  # noqa: SLF001
    wanted = [(place.topic, [(place.partition, offset, _BYTES)])]
    answer = await client.send(
        client.cluster.leader_for_partition(place), FetchRequest(_WAIT_MS, 1, _BYTES, READ_COMMITTED, wanted)
    )
    if not answer.topics:
        raise RequestTimedOutError("the broker withholds records: a quota is exceeded")
    ((_, ((_, error_code, *rest),)),) = answer.topics
    aborted = next((part for part in rest if isinstance(part, list)), [])
    return error_code, bytes(rest[-1] or b""), aborted


def _is_hidden(fetched: bytes, offset: int, aborted: list[tuple[int, int]]) -> bool:
    """Whether the first batch covers `offset` and is hidden; `aborted` are producers with their first such offset."""
    data = next(frames(fetched), memoryview(b""))
    try:
        batch = open_batch(data)
    except UndecodableError:
        return False
    if batch.producer_id is None or not batch.base_offset <= offset < batch.next_offset:
        return False
    return bool(batch.is_control_batch) or (
        batch.is_transactional
        and any(number == batch.producer_id and first <= batch.base_offset for number, first in aborted)
    )
