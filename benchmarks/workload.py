"""The input: simulated payments, sent as fast as possible."""

from collections.abc import Iterator

import numpy as np
from confluent_kafka import Producer

from fraudstream.payment import PaymentFormat
from fraudstream.payment_schema import default_schema
from fraudstream.simulation import simulate

_CHUNK = 50_000
_FORM = PaymentFormat(default_schema())
_SEED = 2026
_FLUSH_S = 120.0
_TRANSACTION_MS = 900_000

Payment = tuple[bytes, bytes]
"""Key and value of a record."""


def payments(count: int, first: int = 1) -> Iterator[Payment]:
    """Yield `count` payments, numbered from `first`; the key is the number. Every call yields the same ones."""
    rng = np.random.default_rng(_SEED)
    for start in range(first, first + count, _CHUNK):
        yield from _chunk(rng, start, min(_CHUNK, first + count - start))


def producer(bootstrap: str, **more: object) -> Producer:
    """Return a producer of librdkafka that partitions keys as the Java client does."""
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "enable.idempotence": True,
            "log_level": 0,
            **more,
        }
    )


def fill(bootstrap: str, topic: str, messages: Iterator[Payment]) -> None:
    """Put messages into `topic`; return when the broker has all of them."""
    sender = producer(bootstrap, **_BULK)
    send(sender, topic, messages)
    if sender.flush(_FLUSH_S):
        raise TimeoutError(f"{topic}: not filled within {_FLUSH_S:g} s")


class HiddenBacklog:
    """Payments in an open transaction: invisible to readers before `reveal`, and then visible together."""

    def __init__(self, bootstrap: str, topic: str, count: int) -> None:
        bulk = {**_BULK, "transactional.id": topic, "transaction.timeout.ms": _TRANSACTION_MS}
        self._producer = producer(bootstrap, **bulk)
        self._producer.init_transactions(_FLUSH_S)
        self._producer.begin_transaction()
        send(self._producer, topic, payments(count))
        self._producer.flush(_FLUSH_S)

    def reveal(self) -> None:
        """Commit the transaction."""
        self._producer.commit_transaction(_FLUSH_S)


def send(sender: Producer, topic: str, messages: Iterator[Payment]) -> None:
    """Hand messages to `sender`, waiting while its queue is full."""
    for key, value in messages:
        while True:
            try:
                sender.produce(topic, value=value, key=key)
                break
            except BufferError:
                sender.poll(0.1)
    sender.poll(0)


_BULK: dict[str, object] = {"linger.ms": 20, "batch.size": 256 << 10, "queue.buffering.max.messages": 200_000}


def _chunk(rng: np.random.Generator, first: int, count: int) -> Iterator[Payment]:
    simulated = simulate(rng, count)
    ids = range(first, first + count)
    payments = {_FORM.schema.id: ids, **simulated.columns()}
    yield from zip(map(b"%d".__mod__, ids), _FORM.encode_all(payments), strict=True)
