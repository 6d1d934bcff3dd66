"""The benchmarks' topics on real Kafka."""

from contextlib import closing

import pytest
from benchmarks import topics
from benchmarks.visible import TopicOutput

from tests.conftest import Names

pytestmark = pytest.mark.kafka4


def test_made_topics_are_led_by_the_broker(kafka_bootstrap: str, names: Names) -> None:
    """The end of each partition is known once the topics are created; Kafka 4 creates them before it leads them."""
    wanted = [names(f"led-{number}") for number in range(5)]
    topics.make(kafka_bootstrap, wanted, 24)
    for topic in wanted:
        with closing(TopicOutput(kafka_bootstrap, topic, 24)) as output:
            assert output.total() == 0
    topics.delete(kafka_bootstrap, wanted)
