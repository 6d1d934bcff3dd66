"""The three topics, opened for the commands that compare outputs with input; their retained and committed offsets."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Literal, NamedTuple, Self

from fraudstream.csv_file.protocol import Identity
from fraudstream.kafka.cluster import Cluster, admin_client, check_partitions, describe
from fraudstream.kafka.connection import Log
from fraudstream.kafka.group import committed_offsets, member_count
from fraudstream.kafka.limits import topic_settings
from fraudstream.kafka.reading import TopicReader, connected, settled
from fraudstream.offsets import Log as Retained
from fraudstream.runtime.settings import CsvSettings, GroupSettings, KafkaSettings, TopicSettings

Isolation = Literal["read_committed", "read_uncommitted"]


class AuditSettings(NamedTuple):
    """Settings of the commands that compare the outputs with the input."""

    kafka: KafkaSettings
    topics: TopicSettings
    group: GroupSettings
    csv: CsvSettings

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read the settings. Raises SettingsError."""
        return cls(
            KafkaSettings.from_env(env),
            TopicSettings.from_env(env),
            GroupSettings.from_env(env),
            CsvSettings.from_env(env),
        )


class Logs(NamedTuple):
    """Retained offsets of each topic, by partition."""

    inputs: Mapping[int, Retained]
    scored: Mapping[int, Retained]
    dlq: Mapping[int, Retained]


class Topics:
    """The three topics and the group, of a cluster where they exist; `partitions` are those of the input.

    `inputs`, `scored` and `dlq` read committed records, inside `async with topics.reading()`.
    """

    inputs: TopicReader
    scored: TopicReader
    dlq: TopicReader

    def __init__(self, settings: AuditSettings, admin: Any, cluster: Cluster, log: Log) -> None:
        self.names = settings.topics
        self.partitions = range(cluster.partitions[settings.topics.input])
        self.identity = Identity(cluster=cluster.id, topic=settings.topics.input, group=settings.group.group)
        self._kafka = settings.kafka
        self._admin = admin
        self._log = log

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Open the readers for the block."""
        async with AsyncExitStack() as stack:
            self.inputs, self.scored, self.dlq = [
                await stack.enter_async_context(self._reader(name))
                for name in (self.names.input, self.names.scored, self.names.dlq)
            ]
            yield

    async def settings(self, topic: str) -> Mapping[str, str]:
        """Return the settings of `topic`."""
        return await topic_settings(self._admin, topic)

    async def member_count(self) -> int:
        """Return the number of the group's members."""
        return await member_count(self._admin, self.identity.group)

    async def committed(self) -> dict[int, int | None]:
        """Return the group's committed offset of each partition of the input; None where it has none."""
        return await committed_offsets(self._admin, self.identity.group, self.names.input, self.partitions)

    async def logs(self) -> Logs:
        """Return the retained offsets now."""
        return Logs(*[await reader.retained(self.partitions) for reader in (self.inputs, self.scored, self.dlq)])

    async def settled_logs(self) -> Logs:
        """Return the retained offsets; waits until the output topics' open transactions have ended."""
        inputs = await self.inputs.retained(self.partitions)
        return Logs(inputs, await self._settled(self.scored), await self._settled(self.dlq))

    async def _settled(self, reader: TopicReader) -> dict[int, Retained]:
        async with self._reader(reader.topic, "read_uncommitted") as whole:
            return await settled(reader, whole, self.partitions, self._log)

    def _reader(self, topic: str, isolation: Isolation = "read_committed") -> AbstractAsyncContextManager[TopicReader]:
        return connected(partial(TopicReader, self._kafka, topic, isolation), self._kafka, self._log)


@asynccontextmanager
async def opened(settings: AuditSettings, log: Log) -> AsyncIterator[Topics]:
    """Yield the topics. Raises KafkaSetupError for what is missing."""
    kafka, names = settings.kafka, settings.topics
    async with connected(lambda: admin_client(kafka), kafka, log) as admin:
        cluster = await describe(admin, (names.input, names.scored, names.dlq))
        check_partitions(cluster, names)
        yield Topics(settings, admin, cluster, log)
