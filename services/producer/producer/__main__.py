"""Wires the producer: settings → schema → source → sender → loop."""

import asyncio
import sys
import time
from os import environ
from random import Random

import numpy as np

from fraudstream.errors import FraudstreamError
from fraudstream.kafka.connection import Log
from fraudstream.kafka.patches import patch_aiokafka
from fraudstream.kafka.payment_sender import Delivery, payment_sender
from fraudstream.payment import PaymentFormat
from fraudstream.payment_schema import PaymentSchema
from fraudstream.runtime import logs
from fraudstream.runtime.endpoint import endpoint
from fraudstream.runtime.heartbeat import Heartbeat
from fraudstream.runtime.metrics import ProducerMetrics
from fraudstream.runtime.run import run
from fraudstream.runtime.schema_file import load_schema
from fraudstream.runtime.settings import (
    GeneratorSettings,
    HeartbeatSettings,
    KafkaSettings,
    LogSettings,
    MetricsSettings,
    TopicSettings,
)
from producer import files
from producer.history import Values, sample
from producer.identifiers import Ids, PaymentIds, ids_of
from producer.loop import make_payments
from producer.malformed import WithMalformed, malformed_by, malformed_simulated
from producer.pacing import Pace
from producer.report import Report
from producer.resampling import ResampledSource
from producer.source import SimulatedSource, Source, is_simulated

_FLUSH_S = 8.0


async def main(stop: asyncio.Event) -> None:
    log = logs.configure(LogSettings.from_env(environ), "producer")
    patch_aiokafka()
    kafka, topic = KafkaSettings.from_env(environ), TopicSettings.from_env(environ).input
    settings = GeneratorSettings.from_env(environ)
    form = PaymentFormat(load_schema(environ))
    if settings.file:
        files.check(form.schema, settings.file)
    heartbeat = Heartbeat(HeartbeatSettings.from_env(environ).file)
    history = await _read_history(form.schema, settings, heartbeat, log, stop)
    if stop.is_set():
        return
    heartbeat.beat("waiting for Kafka")
    metrics, report = ProducerMetrics(), Report(form, log, settings.rate_per_s, time.monotonic)
    metrics.set_schema(form.schema)

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
        log.info("sending payments", topic=topic, source=_origin(settings, history), **_pace(settings.rate_per_s))
        numbers = PaymentIds(time.time(), sender.producer_number())
        ids = ids_of(form.schema, numbers, history)
        source: Source
        if settings.file:
            source = files.FileSource(form, settings.file, ids, log)
        elif history:
            source = ResampledSource(form, history, ids, Random(settings.seed))
        else:
            source = SimulatedSource(form, np.random.default_rng(settings.seed), numbers)
        if settings.malformed_rate:
            source = _with_malformed(source, form.schema, settings, ids)
        pace = Pace(settings.rate_per_s, time.monotonic())
        try:
            end = await make_payments(source, sender, pace=pace, limit=settings.limit, heartbeat=heartbeat, stop=stop)
        finally:
            if lost := await sender.flush(_FLUSH_S):
                reason = sender.refused or "Kafka unavailable"
                raise FraudstreamError(f"{lost} payments could not be delivered before the end: {reason}")
    log.info("all sent", payments=report.delivered, end=end)


async def _read_history(
    schema: PaymentSchema, settings: GeneratorSettings, heartbeat: Heartbeat, log: Log, stop: asyncio.Event
) -> list[Values]:
    """Return payments to repeat; none if payments are those of a file, or simulated."""
    if settings.file or is_simulated(schema):
        return []

    def is_stopped() -> bool:
        heartbeat.beat("reading the history")
        return stop.is_set()

    return await asyncio.to_thread(sample, settings.history, schema, Random(settings.seed), log, is_stopped)


def _origin(settings: GeneratorSettings, history: list[Values]) -> str:
    """Return where the payments come from, for the log."""
    if settings.file:
        return str(settings.file)
    return f"payments of {settings.history}, repeated" if history else "simulation"


def _pace(rate_per_s: float) -> dict[str, float]:
    """Return the rate for the log, below one per second as the interval."""
    return {"per_second": round(rate_per_s, 1)} if rate_per_s >= 1.0 else {"every_s": round(1.0 / rate_per_s, 1)}


def _with_malformed(source: Source, schema: PaymentSchema, settings: GeneratorSettings, ids: Ids) -> Source:
    random = Random(settings.seed)
    malformed = malformed_simulated(random) if is_simulated(schema) else malformed_by(schema)
    return WithMalformed(source, settings.malformed_rate, ids, random, malformed)


if __name__ == "__main__":
    sys.exit(run(main))
