"""`fraudstream topics`: create the topics, or increase their partition counts."""

import argparse
import asyncio
from collections.abc import Mapping

from fraudstream.kafka.topics import ensure_topics
from fraudstream.runtime import logs
from fraudstream.runtime.schema_file import load_schema
from fraudstream.runtime.settings import KafkaSettings, LogSettings, TopicSettings


async def run_topics(env: Mapping[str, str], stop: asyncio.Event, _: argparse.Namespace) -> int:
    """Run `fraudstream topics`; return 0. Raises FraudstreamError."""
    log = logs.configure(LogSettings.from_env(env), "topics")
    topics = TopicSettings.from_env(env)
    hours = topics.dlq_retention(has_secrets=load_schema(env).has_secrets)
    await ensure_topics(KafkaSettings.from_env(env), topics, hours, stop, log)
    return 0
