"""The load: valid and broken payments, in transactions and without, and a ledger of the acknowledged records."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, Protocol

import numpy as np
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from fraudstream.payment import PaymentFormat
from fraudstream.payment_files.reading import opened
from fraudstream.payment_files.rows import line_ids, payments
from fraudstream.payment_schema import PaymentSchema
from fraudstream.simulation import simulate
from producer.broken import Break, Fields, broken_by
from producer.malformed import BROKEN
from tests.chaos.report import Report

Place = tuple[int, int]
Delivered = Callable[[Any, Message], None]

_TICK_S = 0.02
_BROKEN_SHARE = 0.03
_SIMULATED = 2_000
_DELIVERY_TIMEOUT_MS = 300_000
_TRANSACTIONS_PER_S = 5.0
_PER_TRANSACTION = 10
_ABORTED_SHARE = 0.4
_TRANSACTION_TIMEOUT_S = 30.0
_RETRY_S = 0.5
# a broker that has just started does not know its topics yet
_NOT_YET = {KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}


def _silent() -> logging.Logger:
    """Return a logger without output: librdkafka logs each failed connection again and again."""
    log = logging.getLogger("tests.chaos.librdkafka")
    log.addHandler(logging.NullHandler())
    log.propagate = False
    return log


def client(bootstrap: str, **options: object) -> dict[str, Any]:
    """Return options for a librdkafka client that reconnects to restarted brokers."""
    return {
        "bootstrap.servers": bootstrap,
        "reconnect.backoff.max.ms": 1_000,
        "topic.metadata.refresh.interval.ms": 5_000,
        "logger": _silent(),
        "error_cb": lambda _: None,
        **options,
    }


class Payments(Protocol):
    """Endless payments of a schema."""

    @property
    def broken(self) -> Sequence[Break]:
        """Ways to break one."""

    def take(self, random: Random, number: int) -> Fields:
        """Return a valid payment with the id `number`, as the object of its message."""


class Simulated:
    """Payments of the default schema."""

    broken = tuple(BROKEN.values())

    def __init__(self) -> None:
        self._rows: Iterator[Fields] = iter(())

    def take(self, random: Random, number: int) -> Fields:
        """Return a payment."""
        row = next(self._rows, None)
        if row is None:
            self._rows = simulate(np.random.default_rng(random.getrandbits(32)), _SIMULATED).rows()
            row = next(self._rows)
        return {"payment_id": number, **row}


class Repeated:
    """Payments of an example: rows of its history, with other ids."""

    def __init__(self, schema: PaymentSchema, history: Path) -> None:
        with opened(history, payments(schema, line_ids(schema))) as table:
            self._rows = [row for batch in table.batches for row in batch.rows]
        self._form = PaymentFormat(schema)
        self.broken = tuple(broken_by(schema).values())

    def take(self, random: Random, number: int) -> Fields:
        """Return a payment."""
        schema = self._form.schema
        payment_id = str(number) if schema.fields[schema.id].type == "text" else number
        row = {**random.choice(self._rows), schema.id: payment_id}
        (message,) = self._form.encode_all({name: [value] for name, value in row.items()})
        fields: Fields = json.loads(message)
        return fields


class Messages:
    """Endless messages, each with its own number as key: mostly payments, some broken in every known way."""

    def __init__(self, payments: Payments, random: Random, first: int) -> None:
        self._payments = payments
        self._random = random
        self._number = first

    def take(self) -> tuple[bytes, bytes | None]:
        """Return the next key and value."""
        self._number += 1
        fields = self._payments.take(self._random, self._number)
        if self._random.random() < _BROKEN_SHARE:
            return b"%d" % self._number, self._random.choice(self._payments.broken)(fields)
        return b"%d" % self._number, json.dumps(fields).encode()


class Load:
    """A sender that continues through every outage; `ledger` holds the places that were acknowledged.

    `unplaced` holds the keys acknowledged on a retry, whose offset librdkafka does not know.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        report: Report,
        make_payments: Callable[[], Payments],
        *,
        seed: int,
        rate: float,
        partitions: int,
    ) -> None:
        """Prepare to send; each of the two threads takes payments of its own."""
        self.ledger: set[Place] = set()
        self.unplaced: set[bytes] = set()
        self.refused = 0
        self.aborted = 0
        self._bootstrap = bootstrap
        self._topic = topic
        self._make_payments = make_payments
        self._seed = seed
        self._rate = rate
        self._partitions = partitions
        self._over = threading.Event()
        self._threads = [report.thread(work) for work in (self._plain, self._transactions)]

    def start(self) -> None:
        """Start to send in a background thread."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float = 60) -> bool:
        """Stop sending; return whether all sent records are acknowledged. The brokers should be up."""
        self._over.set()
        for thread in self._threads:
            thread.join(timeout_s)
        return not any(thread.is_alive() for thread in self._threads)

    def _plain(self) -> None:
        random = Random(self._seed)
        messages = Messages(self._make_payments(), random, 0)
        options = {"enable.idempotence": True, "message.timeout.ms": _DELIVERY_TIMEOUT_MS, "linger.ms": 5}
        producer = Producer(client(self._bootstrap, **options))
        due, before_s = 0.0, time.monotonic()
        while not self._over.wait(_TICK_S):
            now_s = time.monotonic()
            due, before_s = due + self._rate * (now_s - before_s), now_s
            while due >= 1:
                self._put(producer, random, *messages.take(), self._delivered)
                due -= 1
            producer.poll(0)
        producer.flush(_DELIVERY_TIMEOUT_MS / 1000)

    def _put(self, producer: Producer, random: Random, key: bytes, value: bytes | None, delivered: Delivered) -> None:
        while True:
            try:
                partition = random.randrange(self._partitions)
                producer.produce(self._topic, value=value, key=key, partition=partition, on_delivery=delivered)
            except (BufferError, KafkaException) as error:
                if isinstance(error, KafkaException) and error.args[0].code() not in _NOT_YET:
                    raise
                producer.poll(_TICK_S)
            else:
                return

    def _delivered(self, error: object, message: Message) -> None:
        if error is not None:
            self.refused += 1
        else:
            self._enter(message)

    def _enter(self, message: Message) -> None:
        partition, offset, key = message.partition(), message.offset(), message.key()
        if partition is not None and offset is not None and offset >= 0:
            self.ledger.add((partition, offset))
        elif isinstance(key, bytes):
            self.unplaced.add(key)

    def _transactions(self) -> None:
        """Send small transactions and abort some: gaps between offsets, and records that must not be scored."""
        random = Random(self._seed + 1)
        messages = Messages(self._make_payments(), random, 1 << 40)
        producer: Producer | None = None
        while not self._over.wait(1 / _TRANSACTIONS_PER_S):
            try:
                producer = producer or self._transactional()
                self._transaction(producer, random, messages)
            except KafkaException:
                producer = None  # its outcome is unknown: a new producer ends the open transaction
                self._over.wait(_RETRY_S)
        if producer is None:
            self._transactional()

    def _transactional(self) -> Producer:
        options = {
            "transactional.id": f"load-{self._topic}",
            "transaction.timeout.ms": round(_TRANSACTION_TIMEOUT_S * 1000),
        }
        producer = Producer(client(self._bootstrap, **options))
        producer.init_transactions(_TRANSACTION_TIMEOUT_S)
        return producer

    def _transaction(self, producer: Producer, random: Random, messages: Messages) -> None:
        delivered: list[Message] = []
        producer.begin_transaction()
        for _ in range(_PER_TRANSACTION):
            key, value = messages.take()
            self._put(producer, random, key, value, lambda _, message: delivered.append(message))
        if random.random() < _ABORTED_SHARE:
            producer.flush(_TRANSACTION_TIMEOUT_S)
            producer.abort_transaction(_TRANSACTION_TIMEOUT_S)
            self.aborted += len(delivered)
            return
        producer.commit_transaction(_TRANSACTION_TIMEOUT_S)
        for message in delivered:
            self._enter(message)
