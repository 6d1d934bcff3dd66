"""The scorer's use of a cluster's first answers."""

import asyncio
from collections.abc import Iterator

import pytest
from aiokafka.errors import KafkaConnectionError

from fraudstream.errors import KafkaSetupError
from fraudstream.kafka.cluster import Cluster
from fraudstream.kafka.limits import OutputLimits
from fraudstream.runtime.settings import KafkaSettings, TopicSettings
from scorer import startup

KAFKA, TOPIC_SETTINGS = KafkaSettings.from_env({}), TopicSettings.from_env({})
TOPICS = (TOPIC_SETTINGS.input, TOPIC_SETTINGS.scored, TOPIC_SETTINGS.dlq)
GOOD = Cluster(id="c", partitions=dict.fromkeys(TOPICS, 4))
NO_TOPICS = Cluster(id="c", partitions=dict.fromkeys(TOPICS, 0))


def found(monkeypatch: pytest.MonkeyPatch, *answers: Cluster | Exception) -> Cluster | None:
    """Return the cluster found with these answers, one after the other, without waiting."""
    left: Iterator[Cluster | Exception] = iter(answers)

    async def next_answer(*_: object) -> Cluster:
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def no_wait(*_: object) -> None:
        """Return without waiting."""

    monkeypatch.setattr(startup, "_describe_cluster", next_answer)
    monkeypatch.setattr(startup, "wait_for_stop", no_wait)
    return asyncio.run(startup.find_cluster(KAFKA, TOPIC_SETTINGS, OutputLimits(KAFKA, TOPICS), asyncio.Event()))


def test_a_broker_that_has_just_started_is_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answer may take any time; after an unavailable broker the attempts start again."""
    unavailable = KafkaConnectionError("away")
    assert found(monkeypatch, *[NO_TOPICS] * 5, GOOD) == GOOD
    assert found(monkeypatch, *[NO_TOPICS] * 5, unavailable, *[NO_TOPICS] * 5, GOOD) == GOOD


def test_topics_that_stay_missing_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the command that creates the topics."""
    with pytest.raises(KafkaSetupError, match="fraudstream topics"):
        found(monkeypatch, *[NO_TOPICS] * 6, GOOD)
