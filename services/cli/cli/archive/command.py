"""`fraudstream archive`: settings → the database, only read → a view as a table, or payments as CSV."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar

from sqlalchemy import URL, text

from archiver.database import address
from archiver.read_only import ReadOnlyDatabase
from archiver.worker import Worker
from cli.archive.export_rows import ExportRows
from cli.archive.pages import Selection, pages
from cli.archive.printing import PRINTERS
from cli.archive.views import VIEWS
from cli.output_file import check_output, written
from cli.stopping import unless_interrupted
from fraudstream.runtime import logs, terminal
from fraudstream.runtime.schema_file import load_schema
from fraudstream.runtime.settings import ArchiveSettings, LogSettings

T = TypeVar("T")
_END: Any = object()


async def run_archive(env: Mapping[str, str], stop: asyncio.Event, arguments: argparse.Namespace) -> int:
    """Run the `fraudstream archive` subcommand; return 0. Raises FraudstreamError."""
    logs.configure(LogSettings.from_env(env), "archive", sys.stderr)
    async with _Reading(address(ArchiveSettings.from_env(env).database_url), stop) as reading:
        if arguments.what == "export":
            await _export(reading, ExportRows(load_schema(env)), arguments)
        else:
            await _print(reading, arguments)
    return 0


class _Reading:
    """Reads of the database, in a thread of their own, until a stop."""

    def __init__(self, url: URL, stop: asyncio.Event) -> None:
        self.database = ReadOnlyDatabase(url)
        self._worker = Worker("database")
        self._stop = stop

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self._stop.is_set():  # else a read may still be running
            await self._worker.run(self.database.close)

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Return the result of blocking work, which must not be None. Raises FraudstreamError after a stop."""
        return await unless_interrupted(self._worker.run(work, *arguments), self._stop, "")


async def _print(reading: _Reading, arguments: argparse.Namespace) -> None:
    view = VIEWS[arguments.what]
    rows = await reading.run(lambda: reading.database.rows(text(view.query), limit=arguments.limit))
    write = terminal.write_data if arguments.format == "csv" else terminal.write
    with terminal.standard_output():
        for line in PRINTERS[arguments.format](view, rows):
            write(f"{line}\n")


async def _export(reading: _Reading, form: ExportRows, arguments: argparse.Namespace) -> None:
    if arguments.out is not None:
        check_output(arguments.out, force=arguments.force)
    selection = Selection(since_ms=arguments.since, until_ms=arguments.until, decisions=arguments.decision or ())
    remaining = pages(reading.database, selection)
    with written(arguments.out) as write:
        write(form.header_line)
        while (rows := await reading.run(next, remaining, _END)) is not _END:
            write(form.text(rows))
