"""Patches of aiokafka: their targets still exist, and each has its effect."""

import asyncio
from typing import Any

import pytest
import uvloop
from aiokafka import ConsumerRecord, TopicPartition, client, conn
from aiokafka.consumer import fetcher
from aiokafka.errors import IllegalStateError
from aiokafka.producer import sender
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.producer.transaction_manager import TransactionManager
from tests.own_client import own_reading

from fraudstream.kafka.allowance import allowance
from fraudstream.kafka.connection import BROKEN, client_options
from fraudstream.kafka.patches import _write, closed_transport_is_an_outage, patch_aiokafka
from fraudstream.kafka.producing import failed_producer
from fraudstream.runtime.settings import KafkaSettings

PLACE = TopicPartition("payments", 3)
_fetcher: Any = fetcher
FIELDS = ("offset", "timestamp", "timestamp_type", "key", "value")


def records() -> list[ConsumerRecord[bytes, bytes]]:
    """Return the result of a fetch of three records."""
    batch = BatchBuilder(1 << 20, 0)
    batch.append(timestamp=1_790_000_000_000, key=b"k", value=b"v", headers=[("a", b"1"), ("a", None)])
    batch.append(timestamp=1_790_000_000_007, key=None, value=b"", headers=[])
    batch.append(timestamp=1_790_000_000_001, key=b"", value=None, headers=[])
    allowance.renew()
    content = _fetcher.MemoryRecords(bytes(batch._build()))
    return list(fetcher.PartitionRecords(PLACE, content, [], 0, None, None, check_crcs=True, isolation_level=1))


def test_records_hold_what_the_clients_own_do() -> None:
    """Every field that is read of a record is equal."""
    with own_reading():
        wrapped = records()
    unwrapped = records()
    assert not isinstance(unwrapped[0], ConsumerRecord)
    assert len(unwrapped) == len(wrapped) == 3
    for plain, record in zip(unwrapped, wrapped, strict=True):
        assert [getattr(plain, name) for name in FIELDS] == [getattr(record, name) for name in FIELDS]
        assert list(plain.headers) == list(record.headers)


def test_a_begin_is_retried_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's own pause between transactions is shortened."""
    monkeypatch.setattr(sender, "BACKOFF_OVERRIDE", None)
    patch_aiokafka()
    assert sender.BACKOFF_OVERRIDE == 0.001


def test_a_client_without_the_patches_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that forgets them does not start, instead of working differently."""
    monkeypatch.setattr(client, "create_conn", conn.create_conn)
    with pytest.raises(RuntimeError, match="patch_aiokafka"):
        client_options(KafkaSettings.from_env({}))
    patch_aiokafka()
    assert client_options(KafkaSettings.from_env({}))


async def _write_after_the_end() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.transport.abort()
        await asyncio.sleep(0.01)
        _write(writer.write)(b"late")


def test_a_closed_transport_is_an_outage() -> None:
    """Uvloop raises RuntimeError, which aiokafka does not expect."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, pytest.raises(ConnectionResetError):
        runner.run(_write_after_the_end())


def test_any_other_runtime_error_is_unchanged() -> None:
    """Any other RuntimeError is a bug, not an outage."""
    with pytest.raises(RuntimeError, match="a bug"), closed_transport_is_an_outage():
        raise RuntimeError("a bug")
    assert not issubclass(RuntimeError, BROKEN)
    assert not issubclass(AssertionError, BROKEN)


def test_an_assertion_of_the_client_is_an_outage_and_ours_a_bug() -> None:
    """The client asserts that its producer has not failed, which may happen between two calls."""

    async def commit_without_a_transaction() -> None:
        with failed_producer():
            TransactionManager("id", 60_000).committing_transaction()

    with pytest.raises(IllegalStateError):
        asyncio.run(commit_without_a_transaction())
    with pytest.raises(AssertionError, match="a bug"), failed_producer():
        raise AssertionError("a bug")
