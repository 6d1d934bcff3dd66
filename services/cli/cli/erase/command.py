"""`fraudstream erase`: search Kafka, CSV and archive, show the rows, confirm, erase them, and show what remains."""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from archiver.database import Database, address, shown
from archiver.database_retry import DatabaseRetry, StoppedError
from archiver.store import Store
from archiver.worker import Worker
from cli.asking import agreed
from cli.audit.topics import AuditSettings
from cli.csv.erasure import CsvErasure
from cli.erase import archive
from cli.erase.search import Found, search
from cli.erase.wanted import Rows, Wanted, parse_id
from cli.stopping import unless_interrupted
from cli.tables import aligned
from fraudstream.csv_file.layout import Layout
from fraudstream.errors import FraudstreamError
from fraudstream.payment_schema import PaymentSchema
from fraudstream.runtime import failpoints, logs, terminal
from fraudstream.runtime.failpoints import failpoint
from fraudstream.runtime.schema_file import load_schema, tokens_of
from fraudstream.runtime.settings import ArchiveSettings, LogSettings
from fraudstream.scored_payment import ScoredFormat

T = TypeVar("T")
_INTERRUPTED = "interrupted: run it again"


async def run_erase(env: Mapping[str, str], stop: asyncio.Event, arguments: argparse.Namespace) -> int:
    """Run `fraudstream erase`; return 0 if all rows are erased, if there are none, or after a dry run; else 1.

    Raises FraudstreamError.
    """
    failpoints.arm(env.get(failpoints.VARIABLE, ""))
    log = logs.configure(LogSettings.from_env(env), "erase", sys.stderr)
    settings, archive = AuditSettings.from_env(env), _Archive.from_env(env)
    form = ScoredFormat(load_schema(env))
    id_field = form.schema.fields[form.schema.id]
    payment_ids = frozenset(parse_id(id_field, text) for text in arguments.payment_id)
    wanted = Wanted(id_field=id_field, payment_ids=payment_ids, keys=_keys(arguments.key, form.schema, env))
    if not wanted.payment_ids and not wanted.keys:
        raise FraudstreamError("nothing to erase: name payments by --payment-id, or records by --key")
    found = await unless_interrupted(search(settings, form, wanted, log), stop, ": nothing was erased")
    return await _Erasing(settings, form.layout, archive, wanted, found, stop).run(arguments)


def _keys(keys: Sequence[bytes], schema: PaymentSchema, env: Mapping[str, str]) -> frozenset[bytes]:
    """Return the keys, and the tokens that scored records may have in their place. Raises SettingsError."""
    tokens = tokens_of(schema, env) if keys else None
    return frozenset([*keys, *map(tokens.of_record_key, keys)] if tokens else keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Archive:
    """The archive; `store` is None if it does not exist."""

    name: str
    store: Store | None
    retry: DatabaseRetry

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "_Archive":
        url = address(ArchiveSettings.from_env(env).database_url)
        exists = url.get_backend_name() != "sqlite" or Path(url.database or "").exists()
        store = Store(database=Database(url)) if exists else None
        return cls(name=shown(url), store=store, retry=DatabaseRetry(Worker("database"), shown(url)))


class _Erasing:
    """One run: count, confirm, erase."""

    def __init__(
        self,
        settings: AuditSettings,
        layout: Layout,
        archive: _Archive,
        wanted: Wanted,
        found: Found,
        stop: asyncio.Event,
    ) -> None:
        self._topics = settings.topics
        self._csv = CsvErasure(settings.csv.path, found.identity, layout)
        self._rows = Rows(wanted.payment_ids, found.payments)
        self._archive = archive
        self._wanted = wanted
        self._found = found
        self._stop = stop
        self._without_ids: Sequence[Path] = ()

    async def run(self, arguments: argparse.Namespace) -> int:
        """Run and return the exit code."""
        unarchived = await self._unarchived()
        keys = await self._in_archive()
        csv = await asyncio.to_thread(self._csv.count, self._rows)
        self._without_ids = await asyncio.to_thread(self._csv.without_ids)
        there = self._counts(csv, {name: len(rows) for name, rows in keys.items()})
        terminal.write(self._text(there, "found") + "\n")
        if arguments.dry_run:
            return 0
        if there or self._found.places:
            question = f"Erase {sum(there.values()):,} rows? They can't be restored."
            if there and not arguments.yes and not await agreed(question, self._stop):
                terminal.write("Nothing was erased.\n")
                return 1
            csv = await asyncio.to_thread(self._csv.erase, self._rows, self._found.places)
            # searched again: rows may have been archived meanwhile
            counts = await self._erase_in_archive(await self._in_archive())
            terminal.write(self._text(self._counts(csv, counts), "erased") + "\n")
        terminal.write(self._remaining() + "\n")
        return self._end(unarchived)

    async def _unarchived(self) -> int:
        """Count the partitions of output topics in which the archive has not reached the last record found."""
        store = self._archive.store
        if store is None:
            return 0
        topics = (self._topics.scored, self._topics.dlq)
        positions, _ = await self._with_retry(store.positions, self._found.identity.cluster, topics)
        reached = {place: position.next_offset for place, position in positions.items()}
        return sum(last >= reached.get(place, 0) for place, last in self._found.last.items())

    async def _in_archive(self) -> archive.Keys:
        if self._archive.store is None:
            return {}
        found, topic = self._found, self._topics.input
        database = self._archive.store.database
        return await self._with_retry(archive.find, database, self._wanted, topic, found.payments, found.letters)

    async def _erase_in_archive(self, keys: archive.Keys) -> dict[str, int]:
        if self._archive.store is None:
            return {}
        database = self._archive.store.database
        counts: dict[str, int] = await self._with_retry(archive.erase, database, keys)
        failpoint("erase_archived")
        # even without rows to delete: the last run may have been killed here
        await self._with_retry(database.compact)
        return counts

    async def _with_retry(self, work: Callable[..., T], *arguments: Any) -> T:
        try:
            return await self._archive.retry.run(self._stop, work, *arguments)
        except StoppedError:
            raise FraudstreamError(_INTERRUPTED) from None

    def _counts(self, csv: Mapping[Path, int], archive: Mapping[str, int]) -> Counter[str]:
        files = {str(path): count for path, count in csv.items()}
        return +Counter({**files, **{f"{self._archive.name} {name}": count for name, count in archive.items()}})

    def _text(self, counts: Counter[str], head: str) -> str:
        if not counts:
            return f"{head}: no rows"
        rows = [(head, "rows"), *((place, f"{count:,}") for place, count in counts.items())]
        return "\n".join(aligned(rows, right=[1]))

    def _remaining(self) -> str:
        lines = []
        if records := self._found.records:
            listed = ", ".join(f"{topic} {count:,}" for topic, count in records.items())
            lines.append(f"Kafka keeps these records until its retention deletes them: {listed}.")
        if self._archive.store is None:
            lines.append(f"The archive {self._archive.name} does not exist.")
        if self._without_ids:
            names = ", ".join(path.name for path in self._without_ids)
            lines.append(
                f"Not searched for ids, which had another name in an earlier payment schema: {names}. "
                "Stop the scorers, set PAYMENT_SCHEMA to that schema, and run it again."
            )
        if self._wanted.keys:
            lines.append(
                "Keys are known only for dead letters and records that Kafka retains: "
                "find older payments by --payment-id."
            )
        lines.append("Exports, results of score and backups are not searched: docs/privacy.md.")
        return "\n".join(lines)

    def _end(self, unarchived: int) -> int:
        if not self._found.unscored and not unarchived:
            return 0
        remaining = [f"{self._found.unscored:,} records are not scored yet"] if self._found.unscored else []
        remaining += [f"{unarchived} partitions are not archived yet"] if unarchived else []
        terminal.write(f"INCOMPLETE: {', '.join(remaining)}. Run it again when that is done.\n")
        return 1
