"""The subcommands of `fraudstream schema`: payments of a file or a topic → payment.toml, or a report."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pydantic_core

from cli.output_file import check_output, written
from cli.progress import Progress
from cli.schema.any_rows import Content
from cli.schema.checking import Checked, Outcomes, check_messages, check_rows
from cli.schema.inference import Inference
from cli.schema.sources import Rows, opened_file, opened_topic
from cli.stopping import check_stop
from cli.texts import counted
from fraudstream.kafka.connection import Log
from fraudstream.payment import PaymentFormat
from fraudstream.payment_files.reading import count_lines, is_json, opened
from fraudstream.payment_files.rows import line_ids, payments
from fraudstream.payment_schema import PaymentSchema
from fraudstream.runtime import logs, terminal
from fraudstream.runtime.own_command import own_command
from fraudstream.runtime.schema_file import DEFAULT, load_schema, read_schema
from fraudstream.runtime.settings import KafkaSettings, LogSettings, SchemaSettings


async def run_schema(env: Mapping[str, str], stop: asyncio.Event, arguments: argparse.Namespace) -> int:
    """Run the `fraudstream schema` subcommand; return the exit code. Raises FraudstreamError."""
    # standard output is for results only
    log = logs.configure(LogSettings.from_env(env), "schema", sys.stderr)
    return await (_infer if arguments.what == "infer" else _check)(env, stop, arguments, log)


async def _infer(env: Mapping[str, str], stop: asyncio.Event, arguments: argparse.Namespace, log: Log) -> int:
    """Write the inferred schema; return 0."""
    out: Path | None = arguments.out
    if out is not None:
        check_output(out, force=arguments.force)
    unread = 0
    async with _rows(env, arguments, log) as source:
        inference = Inference(is_cells=bool(source.columns))
        async for chunk in source.chunks:
            for content in chunk:
                row = _row(content)
                if row is None:
                    unread += 1
                else:
                    inference.add(row)
            await check_stop(stop)
    text = inference.infer(_name(arguments)).text
    with written(out) as write:
        write(text)
    done = f"written to {out}; " if out else ""
    skipped = f"; skipped: {counted(unread, 'message')} without a JSON object or separable cells" if unread else ""
    terminal.write(f"{done}check it, edit it, then: {own_command('schema check')}{skipped}\n", sys.stderr)
    return 0


@asynccontextmanager
async def _rows(env: Mapping[str, str], arguments: argparse.Namespace, log: Log) -> AsyncIterator[Rows]:
    """Open what a schema is inferred from."""
    if arguments.topic is None:
        async with opened_file(arguments.file, log) as rows:
            yield rows
        return
    async with opened_topic(KafkaSettings.from_env(env), arguments.topic, arguments.last, log) as messages:
        yield Rows((), ([message.value for message in chunk] async for chunk in messages))


async def _check(env: Mapping[str, str], stop: asyncio.Event, arguments: argparse.Namespace, log: Log) -> int:
    """Print the report; return 0 if all payments are valid, else 1."""
    schema = load_schema(env) if arguments.schema is None else read_schema(arguments.schema)
    outcomes = Outcomes()
    async for checked in _checked(schema, env, arguments, log):
        outcomes.add(checked)
        await check_stop(stop)
    used = arguments.schema or SchemaSettings.from_env(env).file or DEFAULT
    terminal.write(f"{outcomes.text(_name(arguments), str(used))}\n")
    return 1 if outcomes.invalid else 0


async def _checked(
    schema: PaymentSchema, env: Mapping[str, str], arguments: argparse.Namespace, log: Log
) -> AsyncIterator[Checked]:
    if arguments.topic is not None:
        form = PaymentFormat(schema)
        async with opened_topic(KafkaSettings.from_env(env), arguments.topic, arguments.last, log) as messages:
            async for chunk in messages:
                yield check_messages(form, chunk)
        return
    file: Path = arguments.file
    # JSON Lines are messages as they are sent, so that one without an id is a dead letter
    rows = payments(schema, None if is_json(file) else line_ids(schema))
    progress = Progress("reading", count_lines(file), log)
    with opened(file, rows) as table:
        for batch in table.batches:
            yield check_rows(batch)
            progress.advance(None, len(batch.lines))
    progress.finish()


def _name(arguments: argparse.Namespace) -> str:
    return str(arguments.file) if arguments.topic is None else f"topic {arguments.topic}"


def _row(content: Content) -> Mapping[str, object] | None:
    """Return the object or the cells of a payment; None if it has none."""
    if not isinstance(content, bytes):
        return content
    try:
        parsed = pydantic_core.from_json(content, allow_inf_nan=False)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None
