"""Print scored payments as they arrive: `python examples/read_scores.py [COUNT]`, without COUNT until Ctrl+C.

The scorer publishes in transactions: a reader without `read_committed` also gets records of aborted ones.
"""

import asyncio
import json
import os
import sys

from aiokafka import AIOKafkaConsumer

BOOTSTRAP = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "localhost:29092")
TOPIC = os.environ.get("SCORED_TOPIC", "scored-payments")
START = os.environ.get("START", "latest")
"""Where to start: `latest` or `earliest`."""


async def read(count: int | None) -> None:
    """Print *count* scored payments, or all."""
    options = {"auto_offset_reset": START, "isolation_level": "read_committed", "enable_auto_commit": False}
    async with AIOKafkaConsumer(TOPIC, bootstrap_servers=BOOTSTRAP, **options) as consumer:
        async for record in consumer:
            scored = json.loads(record.value)
            reasons = ", ".join(reason["text"] for reason in scored["reasons"])
            print(f"{scored['payment_id']} {scored['decision']} {scored['fraud_probability']:.3f} {reasons}".rstrip())
            count = count and count - 1
            if count == 0:
                return


if __name__ == "__main__":
    asyncio.run(read(int(sys.argv[1]) if len(sys.argv) > 1 else None))
