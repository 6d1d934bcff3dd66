"""One membership of the consumer group, from joining to leaving."""

import asyncio
from collections.abc import Mapping

from fraudstream.csv_file.protocol import Sink
from fraudstream.kafka.consumer import Assignment, InputConsumer
from fraudstream.kafka.limits import OutputLimits
from fraudstream.kafka.owner import Owner
from fraudstream.runtime.metrics import ScorerMetrics
from fraudstream.runtime.settings import GroupSettings, KafkaSettings, TopicSettings
from scorer.ownership import Ownership


class Member:
    """One membership: the consumer, its partitions, and the lock that excludes a rebalance during a cycle."""

    def __init__(
        self,
        kafka: KafkaSettings,
        topics: TopicSettings,
        group: GroupSettings,
        sink: Sink,
        limits: OutputLimits,
        first: Mapping[int, int],
        metrics: ScorerMetrics,
    ) -> None:
        """`first` holds the start offsets, by partition, that this process committed for a new group."""
        self._kafka = kafka
        self._topics = topics
        self._group = group
        self._limits = limits
        self.busy = asyncio.Lock()
        self.ownership = Ownership(sink, self._make_owner, first, metrics)

    def make_consumer(self) -> InputConsumer:
        """Return a consumer whose rebalances are handled here."""
        assignment = Assignment(assigned=self.ownership.take, revoked=self._revoked)
        consumer = InputConsumer(self._kafka, self._topics.input, self._group.group, assignment)
        self.ownership.use(consumer)
        return consumer

    async def _revoked(self, _: frozenset[int]) -> None:
        async with self.busy:
            await self.ownership.give_up()

    def _make_owner(self) -> Owner:
        return Owner(
            self._kafka,
            topics=self._topics,
            limits=self._limits,
            group=self._group.group,
            guarantee=self._group.guarantee,
        )
