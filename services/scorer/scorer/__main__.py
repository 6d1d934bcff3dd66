"""Wires the scorer: settings → model → cluster → CSV → partitions → pipeline → memberships of the group."""

import asyncio
import sys
from contextlib import AsyncExitStack, aclosing, closing
from functools import partial
from os import environ

import structlog

from fraudstream.csv_file.protocol import Identity
from fraudstream.csv_file.skip_requests import SkipRequests
from fraudstream.kafka.consumer import InputConsumer
from fraudstream.kafka.lag import LagProbe
from fraudstream.kafka.limits import OutputLimits
from fraudstream.kafka.owner import Owner
from fraudstream.kafka.patches import patch_aiokafka
from fraudstream.model import store
from fraudstream.runtime import failpoints, logs
from fraudstream.runtime.endpoint import endpoint
from fraudstream.runtime.heartbeat import Heartbeat
from fraudstream.runtime.metrics import ScorerMetrics
from fraudstream.runtime.run import alongside, run
from fraudstream.runtime.schema_file import load_schema, tokens_of
from fraudstream.runtime.settings import (
    CsvSettings,
    GroupSettings,
    HeartbeatSettings,
    KafkaSettings,
    LogSettings,
    MetricsSettings,
    ModelSettings,
    TopicSettings,
)
from fraudstream.scored_payment import ScoredFormat
from scorer.challenger import Challenger
from scorer.champion import active_champion
from scorer.csv_sink import CsvSink
from scorer.cycle_report import CycleReport
from scorer.drift.alarm import DriftAlarm
from scorer.gauges import PartitionGauges, update_disk, update_drift, update_models
from scorer.group_watch import GroupWatch
from scorer.log_lines import HEADLINES
from scorer.membership import Memberships
from scorer.ownership import Ownership
from scorer.pipeline import Pipeline
from scorer.scoring import Scorer
from scorer.startup import commit_start_offsets, find_cluster, freeze_heap
from scorer.stops import Stops
from scorer.summary import Summary
from scorer.takeover import Takeover
from scorer.watchdog import Watchdog


async def main(stop: asyncio.Event) -> None:
    log = logs.configure(LogSettings.from_env(environ), "scorer", headlines=HEADLINES)
    failpoints.arm(environ.get(failpoints.VARIABLE, ""))
    patch_aiokafka()
    await _score(stop)
    log.info("scorer stopped")


async def _score(stop: asyncio.Event) -> None:
    form = ScoredFormat(load_schema(environ))
    tokens = tokens_of(form.schema, environ)
    kafka, topics = KafkaSettings.from_env(environ), TopicSettings.from_env(environ)
    group, csv = GroupSettings.from_env(environ), CsvSettings.from_env(environ)
    models, served = ModelSettings.from_env(environ), MetricsSettings.from_env(environ)
    heartbeat = Heartbeat(HeartbeatSettings.from_env(environ).file)

    champion = active_champion(models, form.schema)
    structlog.get_logger().info("scorer starts", guarantee=group.guarantee, model=champion.model.version)
    champion.explain_version()
    metrics, drift = ScorerMetrics(), DriftAlarm()
    challenger = Challenger(
        load=lambda: store.load_challenger(models.models_dir, models.pinned, form.schema),
        compared=metrics.shadow_scored,
    )
    metrics.set_schema(form.schema)
    metrics.on_scrape.append(partial(update_models, metrics, champion, challenger))
    metrics.on_scrape.append(partial(update_drift, metrics, drift))
    metrics.on_scrape.append(partial(update_disk, metrics, csv.path.parent))
    limits = OutputLimits(kafka, (topics.scored, topics.dlq), stamped=(topics.dlq,))

    async with AsyncExitStack() as stack:
        stack.callback(heartbeat.remove)
        heartbeat.beat("waiting for Kafka")
        await stack.enter_async_context(endpoint(served, metrics, heartbeat.path))
        cluster = await find_cluster(kafka, topics, limits, stop)
        if cluster is None:
            return
        sink = CsvSink(
            csv.path,
            Identity(cluster=cluster.id, topic=topics.input, group=group.group),
            form.layout,
            rotate_bytes=csv.rotate_bytes,
            waited=metrics.csv_lock_wait.observe,
        )
        stack.enter_context(closing(sink))
        members = GroupWatch(kafka, topics.input, group.group)
        await stack.enter_async_context(aclosing(members))
        first = await commit_start_offsets(kafka, cluster, topics.input, group, sink, members, heartbeat, stop)
        if first is None:
            return

        consumer = InputConsumer(kafka, topics.input, group.group, wakes_fetches=cluster.wakes_fetches)
        takeover = Takeover(consumer=consumer, sink=sink, first=first, records_lost=metrics.records_lost)
        make_owner = partial(Owner, kafka, topics=topics, limits=limits, group=group.group, guarantee=group.guarantee)
        ownership = Ownership(consumer, takeover, make_owner, metrics)
        probe, watchdog = LagProbe(kafka, topics.input, ownership), Watchdog(group.stall_timeout_s)
        gauges = PartitionGauges(metrics, ownership, probe)
        metrics.on_scrape.append(gauges.update)
        pipeline = Pipeline(
            consumer=consumer,
            ownership=ownership,
            group=members,
            champion=champion,
            scorer=Scorer(
                form=form,
                tokens=tokens,
                model=champion.model,
                topics=topics,
                limit=limits.batch_bytes,
                challenger=challenger.score,
            ),
            sink=sink,
            heartbeat=heartbeat,
            watchdog=watchdog,
            report=CycleReport(form.schema, metrics, drift, Summary(gauges), topics),
            stops=Stops(topics.input, SkipRequests(csv.path)),
            max_records=group.max_records,
        )
        memberships = Memberships(
            consumer=consumer,
            bootstrap=kafka.bootstrap_servers,
            ownership=ownership,
            pipeline=pipeline,
            group=members,
            watchdog=watchdog,
            gauges=gauges,
            probe=probe,
            heartbeat=heartbeat,
        )
        freeze_heap()
        async with alongside(champion.watch(), challenger.watch(), limits.follow()):
            await memberships.run(stop)


if __name__ == "__main__":
    sys.exit(run(main))
