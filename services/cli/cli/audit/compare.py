"""`fraudstream model compare`: the differences between champion and challenger, from the scored topic."""

from functools import cache, partial
from pathlib import Path

from cli.audit.comparison import Comparisons
from cli.latest import latest_records
from fraudstream.kafka.connection import Log
from fraudstream.model import store
from fraudstream.model.decision import AnyAmount, Rule, Thresholds
from fraudstream.runtime.own_command import own_command
from fraudstream.runtime.settings import KafkaSettings
from fraudstream.scored_payment import ScoredFormat


async def compare(kafka: KafkaSettings, form: ScoredFormat, topic: str, models_dir: Path, last: int, log: Log) -> str:
    """Return the comparison of the last `last` scored payments of each partition, as text. Raises FraudstreamError."""
    comparisons = Comparisons(form, cache(partial(_rule, models_dir)))
    async with latest_records(kafka, topic, last, log, option="SCORED_TOPIC", verb="comparing") as chunks:
        async for _, records in chunks:
            comparisons.add(records)
    return _text(comparisons, topic)


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
