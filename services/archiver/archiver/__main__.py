"""Wires the archiver: settings → logs → database → loop."""

import asyncio
import sys
from os import environ

from archiver.database import Database, address, shown
from archiver.database_retry import DatabaseRetry
from archiver.loop import Archiver, ArchiverSettings
from archiver.store import Store
from archiver.worker import Worker
from fraudstream.kafka.patches import patch_aiokafka
from fraudstream.runtime import failpoints, logs
from fraudstream.runtime.endpoint import endpoint
from fraudstream.runtime.heartbeat import Heartbeat
from fraudstream.runtime.metrics import ArchiverMetrics
from fraudstream.runtime.run import run
from fraudstream.runtime.settings import (
    ArchiveSettings,
    HeartbeatSettings,
    KafkaSettings,
    LogSettings,
    MetricsSettings,
    TopicSettings,
)


async def main(stop: asyncio.Event) -> None:
    log = logs.configure(LogSettings.from_env(environ), "archiver")
    patch_aiokafka()
    failpoints.arm(environ.get(failpoints.VARIABLE, ""))
    settings = ArchiverSettings(
        kafka=KafkaSettings.from_env(environ),
        topics=TopicSettings.from_env(environ),
        archive=ArchiveSettings.from_env(environ),
    )
    url = address(settings.archive.database_url)
    heartbeat = Heartbeat(HeartbeatSettings.from_env(environ).file)
    heartbeat.beat("waiting for Kafka")
    metrics = ArchiverMetrics()
    archiver = Archiver(
        settings, Store(database=Database(url)), DatabaseRetry(Worker("database"), shown(url)), heartbeat, metrics
    )
    async with endpoint(MetricsSettings.from_env(environ), metrics, heartbeat.path):
        log.info("archiver starts", database=shown(url), topics=[settings.topics.scored, settings.topics.dlq])
        try:
            await archiver.run(stop)
        finally:
            heartbeat.remove()
    log.info("archiver stopped")


if __name__ == "__main__":
    sys.exit(run(main))
