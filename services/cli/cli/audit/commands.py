"""The subcommands `verify`, `rebuild` and `model compare`: settings → work → printed report and exit code."""

import argparse
import asyncio
from collections.abc import Mapping

from cli.audit.compare import compare
from cli.audit.rebuild import rebuild
from cli.audit.topics import AuditSettings
from cli.audit.verify import verify
from cli.stopping import unless_interrupted
from fraudstream.runtime import logs, terminal
from fraudstream.runtime.schema_file import load_schema
from fraudstream.runtime.settings import KafkaSettings, LogSettings, ModelSettings, TopicSettings
from fraudstream.scored_payment import ScoredFormat

_NO_RESULT = " before the end: no result"


async def run_verify(env: Mapping[str, str], stop: asyncio.Event, arguments: argparse.Namespace) -> int:
    """Run `fraudstream verify`: print the report; return 0 if there are no findings, else 1."""
    log = logs.configure(LogSettings.from_env(env), "verify")
    form = ScoredFormat(load_schema(env))
    work = verify(AuditSettings.from_env(env), form, log, with_csv=not arguments.without_csv)
    report = await unless_interrupted(work, stop, _NO_RESULT)
    terminal.write(f"\n{report.text()}\n")
    return 0 if report.is_clean else 1


async def run_compare(env: Mapping[str, str], stop: asyncio.Event, arguments: argparse.Namespace) -> int:
    """Run `fraudstream model compare`: print how champion and challenger differ; return 0."""
    log = logs.configure(LogSettings.from_env(env), "compare")
    models_dir, topic = ModelSettings.from_env(env).models_dir, TopicSettings.from_env(env).scored
    form = ScoredFormat(load_schema(env))
    work = compare(KafkaSettings.from_env(env), form, topic, models_dir, arguments.last, log)
    text = await unless_interrupted(work, stop, _NO_RESULT)
    terminal.write(f"\n{text}\n")
    return 0


async def run_rebuild(env: Mapping[str, str], stop: asyncio.Event, arguments: argparse.Namespace) -> int:
    """Run `fraudstream rebuild`; return 0. Raises FraudstreamError if it is interrupted."""
    log = logs.configure(LogSettings.from_env(env), "rebuild")
    form = ScoredFormat(load_schema(env))
    work = rebuild(AuditSettings.from_env(env), form, log, force=arguments.force)
    await unless_interrupted(work, stop, " before the end: nothing was changed")
    return 0
