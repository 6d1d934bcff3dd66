"""The Kafka that the tests start: TEST_KAFKA=3.9, with ZooKeeper (the default), or TEST_KAFKA=4, in KRaft mode."""

import os
from enum import StrEnum

VARIABLE = "TEST_KAFKA"


class Line(StrEnum):
    """A release line of Kafka."""

    ZOOKEEPER = "3.9"
    KRAFT = "4"


def kafka_line() -> Line:
    """Return the line that TEST_KAFKA names; ValueError if there is no such line."""
    value = os.environ.get(VARIABLE) or Line.ZOOKEEPER
    if value not in set(Line):
        raise ValueError(f"{VARIABLE}={value}: must be {' or '.join(Line)}")
    return Line(value)
