"""`make chaos`: one storm; exit code 1 if it has findings.

CHAOS_SEED, CHAOS_MINUTES, CHAOS_REPLICAS, CHAOS_RATE (messages per second), CHAOS_ROTATE_BYTES (of the CSV), and
CHAOS_MUTANT, a name of tests/faults/mutant.py: scorers that lack a rule, which the storm must detect; CHAOS_SCHEMA, a
folder with a payment.toml and a history.csv, such as examples/cards.
"""

import os
import random
import signal
import sys

from tests.chaos.run import Plan, run
from tests.integration.broker import why_unavailable

# every third seed also rotates the CSV
_EVERY_THIRD = 4 << 20


def main() -> int:
    """Run one storm and report its result."""
    if reason := why_unavailable():
        print(f"chaos needs real Kafka: {reason}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the `finally` blocks and context managers run
    seed = int(os.environ.get("CHAOS_SEED") or random.randrange(1_000_000))
    plan = Plan(
        seed=seed,
        minutes=float(os.environ.get("CHAOS_MINUTES") or 3),
        replicas=int(os.environ.get("CHAOS_REPLICAS") or 3),
        rate=float(os.environ.get("CHAOS_RATE") or 1_500),
        rotate_bytes=int(os.environ.get("CHAOS_ROTATE_BYTES") or _EVERY_THIRD * (seed % 3 == 0)),
        mutant=os.environ.get("CHAOS_MUTANT", ""),
        schema=os.environ.get("CHAOS_SCHEMA", ""),
    )
    result = run(plan)
    print(result)
    return 1 if result.findings else 0


if __name__ == "__main__":
    sys.exit(main())
