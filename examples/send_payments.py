"""Send payments to the scorer's input topic: `python examples/send_payments.py [COUNT]`.

Any Kafka client can do this. The value is one JSON object with the fields of docs/tables.md; records with the same key
stay in order.
"""

import asyncio
import json
import os
import random
import sys
import time

from aiokafka import AIOKafkaProducer

BOOTSTRAP = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "localhost:29092")
TOPIC = os.environ.get("INPUT_TOPIC", "test-payments")


def make_payment(payment_id: int) -> dict[str, float]:
    """Return a payment with plausible values."""
    return {
        "payment_id": payment_id,
        "amount": round(random.lognormvariate(4, 1), 2),
        "country_risk_score": round(random.random(), 3),
        "failed_logins": random.choice([0, 0, 0, 1, 5]),
        "transaction_hour": time.gmtime().tm_hour,
        "is_new_device": random.choice([0, 1]),
    }


async def send(count: int) -> None:
    """Send *count* payments; return when the broker has stored all of them."""
    first = time.time_ns() // 1_000
    async with AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, enable_idempotence=True, acks="all") as producer:
        for payment_id in range(first, first + count):
            value = json.dumps(make_payment(payment_id)).encode()
            stored = await producer.send_and_wait(TOPIC, value, key=str(payment_id).encode())
            print(f"{payment_id} sent to {TOPIC}, partition {stored.partition}, offset {stored.offset}")


if __name__ == "__main__":
    asyncio.run(send(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
