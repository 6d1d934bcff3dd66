"""Memberships of the consumer group, one after the other: join, score, and join again when one is lost."""

import asyncio
from dataclasses import dataclass

import structlog

from fraudstream.kafka.attempts import attempts
from fraudstream.kafka.connection import BROKEN, started, stopped
from fraudstream.kafka.consumer import InputConsumer
from fraudstream.kafka.lag import LagProbe
from fraudstream.runtime.heartbeat import Heartbeat
from fraudstream.runtime.log_on_change import LogOnChange
from fraudstream.runtime.run import alongside, wait_for_stop
from scorer.gauges import PartitionGauges
from scorer.group_watch import GroupWatch
from scorer.ownership import Ownership
from scorer.pipeline import Pipeline
from scorer.watchdog import Watchdog

_REJOIN_AFTER_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Memberships:
    """The loop of memberships, around the loop of cycles."""

    consumer: InputConsumer
    bootstrap: str
    ownership: Ownership
    pipeline: Pipeline
    group: GroupWatch
    watchdog: Watchdog
    probe: LagProbe
    gauges: PartitionGauges
    heartbeat: Heartbeat

    async def run(self, stop: asyncio.Event) -> None:
        """Join the group, and join it again whenever the membership is lost, until `stop` is set."""
        log = structlog.get_logger()
        lost = LogOnChange(log.warning, "membership lost")
        while await started(lambda: self.consumer, stop, log, bootstrap=self.bootstrap):
            try:
                await self._score(stop)
            except BROKEN as error:
                reason = attempts.final_refusal() or await self.group.reason(error)
                if self.ownership.joined:
                    lost.end()
                lost.report(reason, action="rejoining")
                self.heartbeat.beat(reason)
                await wait_for_stop(stop, _REJOIN_AFTER_S)
            finally:
                await self.probe.close()
                await self.ownership.give_up()
                await stopped(self.consumer)
                await self.ownership.give_up()  # a join in progress may have assigned partitions meanwhile

    async def _score(self, stop: asyncio.Event) -> None:
        self.consumer.join(assigned=self.ownership.take, revoked=self.ownership.revoke)
        watching = self.watchdog.probe(self.probe.total), self.gauges.follow(), self.group.watch()
        with self.watchdog.watching():
            async with alongside(*watching):
                await self.pipeline.run(stop)
