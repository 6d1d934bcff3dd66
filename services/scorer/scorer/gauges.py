"""Gauges computed on each scrape: partitions, lag, models, drift, disk."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from fraudstream.runtime.metrics import ScorerMetrics
from scorer.challenger import Challenger
from scorer.champion import Champion
from scorer.drift.alarm import DriftAlarm
from scorer.ownership import Ownership

_READ_EVERY_S = 2.0

Lags = Mapping[int, int | None]


class Gauges:
    """Sources of the scorer's gauges; `ownership` is that of the current membership, None without one."""

    def __init__(
        self, metrics: ScorerMetrics, champion: Champion, challenger: Challenger, drift: DriftAlarm, folder: Path
    ) -> None:
        """`folder` contains the CSV."""
        self.metrics = metrics
        self.champion = champion
        self.challenger = challenger
        self.drift = drift
        self.ownership: Ownership | None = None
        self.lags: Lags | None = None
        self._folder = folder

    async def follow(self, read: Callable[[], Awaitable[Lags | None]]) -> None:
        """Read the lags every 2 s, until cancelled."""
        try:
            while True:
                self.lags = await read()
                await asyncio.sleep(_READ_EVERY_S)
        finally:
            self.lags = None

    def refresh(self) -> None:
        """Update the metrics."""
        self._partitions()
        self._models()
        self._drift()
        self._disk()

    def _partitions(self) -> None:
        metrics, ownership = self.metrics, self.ownership
        metrics.partition_ready.clear()
        metrics.lag.clear()
        if ownership is None:
            return
        for partition in ownership.assigned:
            metrics.partition_ready.labels(partition).set(partition in ownership.ready)
            lag = self.lags.get(partition) if self.lags else None
            if lag is not None:
                metrics.lag.labels(partition).set(lag)

    def _models(self) -> None:
        model, champion, challenger = self.metrics.model, self.champion.model, self.challenger.model
        model.clear()
        model.labels("champion", champion.version, self.champion.kind).set(1)
        if challenger and challenger.content_sha256 != champion.content_sha256:  # otherwise it does not score
            model.labels("challenger", challenger.version, self.challenger.kind).set(1)
        self.metrics.model_refused.set(self.champion.refused is not None)

    def _drift(self) -> None:
        for field, (finding, drifting) in self.drift.findings.items():
            self.metrics.drift_psi.labels(field).set(finding.psi)
            self.metrics.drift_limit.labels(field).set(finding.limit)
            self.metrics.drifting.labels(field).set(drifting)

    def _disk(self) -> None:
        try:
            usage = shutil.disk_usage(self._folder)
        except OSError:
            return  # the sink reports the error
        self.metrics.disk_free.set(usage.free)
        self.metrics.disk_size.set(usage.total)
