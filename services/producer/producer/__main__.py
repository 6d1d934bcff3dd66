"""Wires the producer: settings → source → sender → loop."""

import asyncio
import sys
import time
from os import environ
from random import Random

import numpy as np

from fraudstream.errors import FraudstreamError
from fraudstream.kafka.patches import patch_aiokafka
from fraudstream.kafka.payment_sender import Delivery, payment_sender
from fraudstream.runtime import logs
from fraudstream.runtime.endpoint import endpoint
from fraudstream.runtime.heartbeat import Heartbeat
from fraudstream.runtime.metrics import ProducerMetrics
from fraudstream.runtime.run import run
from fraudstream.runtime.settings import (
    GeneratorSettings,
    HeartbeatSettings,
    KafkaSettings,
    LogSettings,
    MetricsSettings,
    TopicSettings,
)
from producer import files
from producer.identifiers import PaymentIds
from producer.loop import make_payments
from producer.malformed import WithMalformed
from producer.pacing import Pace
from producer.report import Report
from producer.source import SimulatedSource, Source

_FLUSH_S = 8.0


async def main(stop: asyncio.Event) -> None:
    log = logs.configure(LogSettings.from_env(environ), "producer")
    patch_aiokafka()
    kafka, topic = KafkaSettings.from_env(environ), TopicSettings.from_env(environ).input
    settings = GeneratorSettings.from_env(environ)
    if settings.file:
        files.check(settings.file)
    heartbeat = Heartbeat(HeartbeatSettings.from_env(environ).file)
    heartbeat.beat("waiting for Kafka")
    metrics, report = ProducerMetrics(), Report(log, settings.rate_per_s, time.monotonic)

    def delivered(delivery: Delivery) -> None:
        report.add(delivery)
        metrics.messages_sent.inc(len(delivery.messages))

    async with (
        endpoint(MetricsSettings.from_env(environ), metrics, heartbeat.path),
        payment_sender(kafka, topic, on_delivery=delivered, stop=stop, log=log) as sender,
    ):
        if sender is None:
            return
        metrics.messages_waiting.set_function(lambda: sender.waiting)
        log.info("sending payments", topic=topic, per_second=round(settings.rate_per_s, 3))
        ids = PaymentIds(time.time(), sender.producer_number())
        source: Source
        if settings.file:
            source = files.FileSource(settings.file, ids, log)
        else:
            source = SimulatedSource(np.random.default_rng(settings.seed), ids)
        if settings.malformed_rate:
            source = WithMalformed(source, settings.malformed_rate, ids, Random(settings.seed))
        pace = Pace(settings.rate_per_s, time.monotonic())
        try:
            end = await make_payments(source, sender, pace=pace, limit=settings.limit, heartbeat=heartbeat, stop=stop)
        finally:
            if lost := await sender.flush(_FLUSH_S):
                reason = sender.refused or "Kafka unavailable"
                raise FraudstreamError(f"{lost} payments could not be delivered before the end: {reason}")
    log.info("all sent", payments=report.delivered, end=end)


if __name__ == "__main__":
    sys.exit(run(main))
