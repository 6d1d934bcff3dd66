"""Wires the archiver: settings → logs → schema → database → loop."""

import asyncio
import sys
from os import environ

from archiver.database import Database, address, shown
from archiver.database_retry import DatabaseRetry
from archiver.loop import Archiver
from archiver.report import Report
from archiver.resumer import PartitionResumer
from archiver.retention import Retention
from archiver.rows import Rows
from archiver.store import Store
from archiver.worker import Worker
from fraudstream.kafka.patches import patch_aiokafka
from fraudstream.runtime import failpoints, logs
from fraudstream.runtime.endpoint import endpoint
from fraudstream.runtime.heartbeat import Heartbeat
from fraudstream.runtime.metrics import ArchiverMetrics
from fraudstream.runtime.run import run
from fraudstream.runtime.schema_file import load_schema
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
    kafka, topics = KafkaSettings.from_env(environ), TopicSettings.from_env(environ)
    settings = ArchiveSettings.from_env(environ)
    url, schema = address(settings.database_url), load_schema(environ)
    heartbeat = Heartbeat(HeartbeatSettings.from_env(environ).file)
    heartbeat.beat("waiting for Kafka")
    metrics = ArchiverMetrics()
    metrics.set_schema(schema)
    archiver = Archiver(
        kafka=kafka,
        topics=topics,
        max_records=settings.max_records,
        rows=Rows(schema, topics),
        store=Store(database=Database(url, schema)),
        retry=DatabaseRetry(Worker("database"), shown(url)),
        resumer=PartitionResumer(kafka, topics, metrics),
        retention=Retention(settings.retention_days),
        report=Report(),
        heartbeat=heartbeat,
        metrics=metrics,
    )
    async with endpoint(MetricsSettings.from_env(environ), metrics, heartbeat.path):
        log.info("archiver starts", database=shown(url), topics=[topics.scored, topics.dlq])
        try:
            await archiver.run(stop)
        finally:
            heartbeat.remove()
    log.info("archiver stopped")


if __name__ == "__main__":
    sys.exit(run(main))
