"""An archive under test: a stream shaped as the scorer's, a database of either kind, and the check between them."""

import asyncio
import itertools
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from fraudstream.dead_letter import Place, dead_letter, dead_letter_headers, marker_headers, replayed
from fraudstream.payment import DECISIONS, InvalidPayment
from tests.integration.background import in_background
from tests.integration.broker.deadline import wait_until
from tests.integration.scorer import Surroundings
from tests.integration.service import Service
from tests.oracle import committed_records
from tests.scores import FORMAT, One, Record, numbered, scored_values

SQLITE = "sqlite:///outputs/payments.db"
WAITS = "waiting for the database"
PARTITIONS = 2
STAMP_MS = 1_790_000_000_000
_LETTERS_A_ROUND = 3
_WHY = InvalidPayment(reason="invalid_json", detail="Invalid JSON: EOF")
_KAFKA_TIMEOUT_S = 20
_BETWEEN_TRANSACTIONS_S = 0.02
"""The writer may not outrun an archiver whose backlog is then waited for."""


class Archive:
    """One database filled from the topics of `surroundings`; `url` is its DATABASE_URL."""

    def __init__(self, surroundings: Surroundings, url: str) -> None:
        self.surroundings = surroundings
        self.url = url

    @property
    def file(self) -> Path:
        """The file of an SQLite database."""
        return self.surroundings.folder / self.url.removeprefix("sqlite:///")

    def archiver(self, **settings: str) -> Service:
        """Start an archiver."""
        return self.surroundings.service("archiver", DATABASE_URL=self.url, **settings)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Query the database as any of its users may."""
        if self.url.startswith("sqlite"):
            with closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True, timeout=60)) as connection:
                return connection.execute(sql).fetchall()
        with psycopg.connect(self.url) as connection:
            return connection.execute(sql.encode()).fetchall()

    def count(self, table: str = "scored_payments") -> int:
        """Return the number of rows in a table; 0 while there is no database."""
        try:
            return int(self.query(f"SELECT COUNT(*) FROM {table}")[0][0])  # noqa: S608 - our own names
        except (sqlite3.Error, psycopg.Error):
            return -1

    def wait_until_archived(self, service: Service | None = None, timeout_s: float = 120) -> None:
        """Wait until the database has as many rows as there are committed records of this stream."""
        wanted = {table: len(rows) for table, rows in self._expected().items()}
        try:
            wait_until(lambda: all(self.count(table) >= most for table, most in wanted.items()), timeout_s, str(wanted))
        except TimeoutError as error:
            found = {table: self.count(table) for table in wanted}
            raise AssertionError(f"{error}, but {found}\n{service.output if service else ''}") from None

    def receive(self, stream: "Stream", payments: int, service: Service) -> None:
        """Write that many payments to the stream, and wait until the archiver `service` has archived all."""
        stream.write(payments)
        self.wait_until_archived(service)

    def fill(self) -> None:
        """Run an archiver until all is archived, then stop it."""
        with self.archiver() as service:
            self.wait_until_archived(service)
            service.stop()

    def assert_each_once(self) -> int:
        """Assert that the rows are exactly the committed records of this stream, each once; return their number."""
        expected = self._expected()
        for table, columns in _COLUMNS.items():
            found = Counter(self.query(f"SELECT {columns} FROM {table}"))  # noqa: S608 - our own names
            assert found == Counter(expected[table]), table
        return sum(map(len, expected.values()))

    def _expected(self) -> dict[str, list[tuple[Any, ...]]]:
        bootstrap, settings = self.surroundings.bootstrap, self.surroundings.settings
        rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _COLUMNS}
        for record in committed_records(bootstrap, settings["SCORED_TOPIC"]):
            if found := FORMAT.read(record.value):
                place = settings["INPUT_TOPIC"], found.source_partition, found.source_offset
                row = (*place, record.timestamp, str(found.id), found.fields["amount"])
                rows["scored_payments"].append((*row, found.fraud_probability, found.decision))
        for record in committed_records(bootstrap, settings["DLQ_TOPIC"]):
            if letter := dead_letter(record.partition, record):
                rows["dead_letters"].append((*letter.source, letter.partition, letter.offset, letter.value))
            elif marker := replayed(record.partition, record):
                rows["replays"].append((marker.partition, marker.letter_offset, marker.offset))
        return rows


def wait_for_reason(service: Service, reason: str, action: str = "") -> None:
    """Wait until the archiver's log has this reason for waiting, and this action."""

    def found() -> bool:
        lines = service.lines(WAITS)
        return any(reason in line["reason"] and action in line.get("action", "") for line in lines)

    service.wait_until(found, 60, f"{reason}: {action}")


_COLUMNS = {
    "scored_payments": "source_topic, source_partition, source_offset, timestamp_ms, id, amount, "
    "fraud_probability, decision",
    "dead_letters": "source_topic, source_partition, source_offset, timestamp_ms, letter_partition, letter_offset, "
    "value",
    "replays": "letter_partition, letter_offset, marker_offset",
}


class Stream:
    """A writer to both output topics, as scorers are: transactions, some of them aborted."""

    def __init__(self, surroundings: Surroundings, scored_at: str = "2026-01-01T00:00:00.000Z") -> None:
        self._scored_at = scored_at
        self._bootstrap = surroundings.bootstrap
        self._topics = surroundings.topics
        self._partitions = surroundings.partitions
        self._numbers = itertools.count()
        self.written = 0
        """Committed payments, as far as known."""

    def write(self, payments: int, *, commit: bool = True, stamp_ms: int = STAMP_MS) -> None:
        """Write that many payments and some dead letters in one transaction; one of the letters is replayed."""
        asyncio.run(self._once(payments, commit=commit, stamp_ms=stamp_ms))

    @contextmanager
    def writing(self, payments: int) -> Iterator[None]:
        """Write transactions of that many payments, one after the other, through all broker faults; abort a fifth."""
        with in_background(lambda over: asyncio.run(self._on(payments, over))):
            yield

    async def _once(self, payments: int, *, commit: bool, stamp_ms: int) -> None:
        async with self._producer() as producer:
            await self._transaction(producer, payments, commit=commit, stamp_ms=stamp_ms)
        async with self._producer():  # starts no transaction before the previous one's markers are written
            pass

    async def _on(self, payments: int, over: Event) -> None:
        while not over.is_set():
            with suppress(KafkaError, TimeoutError, OSError):
                producer = self._producer()
                try:
                    async with asyncio.timeout(_KAFKA_TIMEOUT_S):
                        await producer.start()
                    while not over.is_set():
                        commit = next(self._numbers) % 5 > 0
                        async with asyncio.timeout(_KAFKA_TIMEOUT_S):
                            await self._transaction(producer, payments, commit=commit, stamp_ms=STAMP_MS)
                        await asyncio.sleep(_BETWEEN_TRANSACTIONS_S)
                finally:  # also one that could not be started
                    async with asyncio.timeout(_KAFKA_TIMEOUT_S):
                        await producer.stop()

    def _producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self._bootstrap, transactional_id=f"{self._topics[1]}-writer", linger_ms=5
        )

    async def _transaction(self, producer: AIOKafkaProducer, payments: int, *, commit: bool, stamp_ms: int) -> None:
        source, scored, dlq = self._topics
        ones = [_one(next(self._numbers), self._partitions, stamp_ms) for _ in range(payments)]
        await producer.begin_transaction()
        sent = [
            await producer.send(scored, value, partition=one.partition, timestamp_ms=one.timestamp_ms)
            for one, value in zip(ones, scored_values(ones, self._scored_at), strict=True)
        ]
        for number in range(_LETTERS_A_ROUND):
            partition, offset = number % self._partitions, next(self._numbers)
            headers = [("own", b"\xff"), *dead_letter_headers(Place(source, partition, offset, stamp_ms), _WHY)]
            letter = {"value": b'{"payment_id":', "headers": headers, "timestamp_ms": stamp_ms}
            sent.append(await producer.send(dlq, partition=partition, **letter))
        last = (await asyncio.gather(*sent))[-1]
        marker = _marker(source, last.partition, last.offset)
        await producer.send_and_wait(
            dlq, None, key=b"1", partition=last.partition, headers=marker, timestamp_ms=stamp_ms
        )
        await (producer.commit_transaction() if commit else producer.abort_transaction())
        self.written += payments if commit else 0


def _marker(source: str, partition: int, offset: int) -> Sequence[tuple[str, bytes | None]]:
    headers = dead_letter_headers(Place(source, partition, 0, STAMP_MS), _WHY)
    letter = dead_letter(partition, Record(b"", offset=offset, headers=headers))
    assert letter is not None
    return marker_headers(letter, edited=True, again=False)


def _one(number: int, partitions: int, stamp_ms: int) -> One:
    """Return a payment as different from the others as possible."""
    return One(
        payment=numbered(number, payment_id=2**63 - 1 - number, amount=0.01 + number % 900),
        fraud_probability=number % 1_000 / 1_000,
        decision=DECISIONS[number % 3],
        model_version="0123456789ab",
        timestamp_ms=stamp_ms + number,
        partition=number % partitions,
        offset=number,
    )
