"""Gauges computed on each scrape: models, drift, disk, partitions and their lag."""

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path

from fraudstream.kafka.lag import LagProbe
from fraudstream.model.fraud_model import FraudModel
from fraudstream.payment import BLOCK, REVIEW
from fraudstream.runtime.metrics import ScorerMetrics
from scorer.challenger import Challenger
from scorer.champion import Champion
from scorer.drift.alarm import DriftAlarm
from scorer.ownership import Ownership

_READ_EVERY_S = 2.0


def update_models(metrics: ScorerMetrics, champion: Champion, challenger: Challenger) -> None:
    """Update the gauges of the models in use."""
    used, shadow = champion.model, challenger.model
    metrics.model.clear()
    metrics.model.labels("champion", used.version, champion.kind).set(1)
    if shadow and shadow.content_sha256 != used.content_sha256:  # otherwise it does not score
        metrics.model.labels("challenger", shadow.version, challenger.kind).set(1)
    metrics.review_capacity.clear()
    if champion.review_capacity is not None:
        metrics.review_capacity.labels(used.version).set(champion.review_capacity)
    _update_rule(metrics, used)
    metrics.model_refused.set(champion.refused is not None)


def _update_rule(metrics: ScorerMetrics, model: FraudModel) -> None:
    """Update the numbers by which the model decides: its thresholds, and its costs if it has any."""
    for gauge in (metrics.cost, metrics.min_block_probability, metrics.threshold):
        gauge.clear()
    version, costs = model.version, model.costs
    metrics.threshold.labels(version, REVIEW).set(model.thresholds.review)
    metrics.threshold.labels(version, BLOCK).set(model.thresholds.block)
    if costs is None:
        return
    for kind, cost in (("fraud", costs.fraud), ("review", costs.review), ("wrong_block", costs.wrong_block)):
        metrics.cost.labels(version, kind).set(cost)
    metrics.min_block_probability.labels(version).set(costs.min_block)


def update_drift(metrics: ScorerMetrics, drift: DriftAlarm) -> None:
    """Update the drift of each field, and the number of compared payments."""
    payments, least = drift.progress
    metrics.drift_payments.set(payments)
    metrics.drift_least_payments.set(least)
    for field, (finding, drifting) in drift.findings.items():
        metrics.drift_psi.labels(field).set(finding.psi)
        metrics.drift_limit.labels(field).set(finding.limit)
        metrics.drifting.labels(field).set(drifting)


def update_disk(metrics: ScorerMetrics, folder: Path) -> None:
    """Update the space of the disk that has `folder`."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return  # the sink reports the error
    metrics.disk_free.set(usage.free)
    metrics.disk_size.set(usage.total)


class PartitionGauges:
    """Gauges of the assigned partitions; `follow` reads their lag."""

    def __init__(self, metrics: ScorerMetrics, ownership: Ownership, probe: LagProbe) -> None:
        self.metrics = metrics
        self.ownership = ownership
        self._probe = probe
        self.lags: Mapping[int, int | None] | None = None

    async def follow(self) -> None:
        """Read the lags every 2 s, until cancelled."""
        try:
            while True:
                self.lags = await self._probe.read()
                await asyncio.sleep(_READ_EVERY_S)
        finally:
            self.lags = None

    def update(self) -> None:
        """Update the metrics."""
        metrics, ownership = self.metrics, self.ownership
        metrics.partition_ready.clear()
        metrics.lag.clear()
        for partition in ownership.assigned:
            metrics.partition_ready.labels(partition).set(partition in ownership.ready)
            lag = self.lags.get(partition) if self.lags else None
            if lag is not None:
                metrics.lag.labels(partition).set(lag)
