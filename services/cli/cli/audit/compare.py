"""`fraudstream model compare`: the differences between champion and challenger, from the scored topic."""

from contextlib import AsyncExitStack
from functools import cache, partial
from pathlib import Path

from cli.audit.comparison import Comparisons
from cli.progress import Progress
from fraudstream.errors import KafkaSetupError
from fraudstream.kafka.cluster import admin_client, describe
from fraudstream.kafka.connection import Log
from fraudstream.kafka.reading import TopicReader, connected
from fraudstream.model import store
from fraudstream.model.decision import AnyAmount, Rule, Thresholds
from fraudstream.offsets import Log as Retained
from fraudstream.runtime.own_command import own_command
from fraudstream.runtime.settings import KafkaSettings
from fraudstream.scored_payment import ScoredFormat


async def compare(kafka: KafkaSettings, form: ScoredFormat, topic: str, models_dir: Path, last: int, log: Log) -> str:
    """Return the comparison of the last `last` scored payments of each partition, as text. Raises FraudstreamError."""
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(connected(lambda: admin_client(kafka), kafka, log))
        count = (await describe(admin, (topic,))).partitions[topic]
        if not count:
            raise KafkaSetupError(f"SCORED_TOPIC: topic {topic} does not exist")
        reader = await stack.enter_async_context(connected(partial(TopicReader, kafka, topic), kafka, log))
        logs = await reader.retained(range(count))
        starts = {partition: await start_of_last(reader, partition, one, last) for partition, one in logs.items()}
        progress = Progress("comparing", sum(one.end - starts[partition] for partition, one in logs.items()), log)
        comparisons = Comparisons(form, cache(partial(_rule, models_dir)))
        for partition, one in logs.items():
            async for records in reader.records(partition, starts[partition], one.end):
                comparisons.add(records)
                progress.advance(partition, len(records))
        progress.finish()
    return _text(comparisons, topic)


async def start_of_last(reader: TopicReader, partition: int, log: Retained, wanted: int) -> int:
    """Return the offset of the first of the last `wanted` records.

    It may be less than the end minus `wanted`, as transaction markers have offsets too.
    """
    start, span = log.end, wanted
    offsets: list[int] = []
    while len(offsets) < wanted and start > log.start:
        end, start = start, max(log.start, start - span)
        span *= 2
        batches = reader.records(partition, start, end)
        offsets[:0] = [record.offset async for records in batches for record in records]
    return offsets[-wanted] if len(offsets) >= wanted else start


def _rule(models_dir: Path, version: str) -> Rule | None:
    """Return the decision rule of a stored version; records of an older release have its older version."""
    for manifest in store.kept(models_dir):
        if version in {manifest.version, manifest.older_version}:
            limits = manifest.thresholds
            return AnyAmount(manifest.rule, Thresholds(limits.review, limits.block))
    return None


def _text(comparisons: Comparisons, topic: str) -> str:
    if not comparisons.pairs and not comparisons.left_out:
        return f"No payment in {topic} was scored by a challenger: {own_command('model challenge VERSION')} starts one."
    parts = [one.text(*versions) for versions, one in comparisons.pairs.items()]
    if comparisons.left_out:
        parts.append(
            f"skipped: {comparisons.left_out:,} records of a version that is no longer stored, or that can't be read"
        )
    return "\n\n".join(parts)
