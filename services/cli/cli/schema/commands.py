"""The subcommands of `fraudstream schema`: payments of a file or a topic → payment.toml, or a report."""

import argparse
import asyncio
import sys
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pydantic_core

from cli.output_file import check_output, convert_errors, part_of
from cli.schema.checking import Checker, Outcomes, Payment
from cli.schema.inference import Inference
from cli.schema.sources import Source, opened_file, opened_topic
from fraudstream.errors import FraudstreamError, SchemaError
from fraudstream.payment_schema import PaymentSchema, parse
from fraudstream.runtime import logs, terminal
from fraudstream.runtime.regular_files import atomic_write, read_regular
from fraudstream.runtime.settings import KafkaSettings, LogSettings

_MOST_BYTES = 1 << 20


async def run_schema(env: Mapping[str, str], stop: asyncio.Event, arguments: argparse.Namespace) -> int:
    """Run the `fraudstream schema` subcommand; return the exit code. Raises FraudstreamError."""
    # standard output is for results only
    log = logs.configure(LogSettings.from_env(env), "schema", sys.stderr)
    source = (
        opened_file(arguments.file, log)
        if arguments.topic is None
        else opened_topic(KafkaSettings.from_env(env), arguments.topic, arguments.last, log)
    )
    return await (_infer if arguments.what == "infer" else _check)(source, stop, arguments)


async def _infer(
    opened: AbstractAsyncContextManager[Source], stop: asyncio.Event, arguments: argparse.Namespace
) -> int:
    """Write the inferred schema; return 0."""
    out: Path | None = arguments.out
    if out is not None:
        check_output(out, force=arguments.force)
    unread = 0
    async with opened as source:
        inference = Inference(is_cells=bool(source.columns))
        async for chunk in source.chunks:
            for payment in chunk:
                row = _row(payment)
                if row is None:
                    unread += 1
                else:
                    inference.add(row)
            await _continue(stop)
    text = inference.infer(source.name).text
    if out is None:
        with terminal.standard_output():
            terminal.write(text)
    else:
        with convert_errors(out), atomic_write(out, part=part_of(out)) as file:
            file.write(text.encode())
    done = f"written to {out}; " if out else ""
    skipped = f"; skipped: {unread:,} messages without a JSON object, or lines that can't be split" if unread else ""
    terminal.write(f"{done}check it, edit it, then: fraudstream schema check{skipped}\n", sys.stderr)
    return 0


async def _check(
    opened: AbstractAsyncContextManager[Source], stop: asyncio.Event, arguments: argparse.Namespace
) -> int:
    """Print the report; return 0 if all payments are valid, else 1."""
    schema = _read(arguments.schema)
    outcomes = Outcomes()
    async with opened as source:
        checker = Checker(schema, source.columns)
        async for chunk in source.chunks:
            outcomes.add(checker.check(chunk))
            await _continue(stop)
    terminal.write(f"{outcomes.text(source.name, str(arguments.schema))}\n")
    return 1 if outcomes.invalid else 0


def _read(path: Path) -> PaymentSchema:
    try:
        text = read_regular(path, _MOST_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise SchemaError(f"{path} can't be read as UTF-8 text: {error}") from None
    return parse(text, str(path))


def _row(payment: Payment) -> Mapping[str, object] | None:
    """Return the object or the cells of a payment; None if it has none."""
    content = payment.content
    if isinstance(content, Mapping):
        return content
    if not isinstance(content, bytes):
        return None
    try:
        parsed = pydantic_core.from_json(content, allow_inf_nan=False)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


async def _continue(stop: asyncio.Event) -> None:
    await asyncio.sleep(0)  # lets signal handlers run
    if stop.is_set():
        raise FraudstreamError("interrupted: nothing was written")
