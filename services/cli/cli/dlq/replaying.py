"""`dlq replay`: sends letters to the input topic, each in one transaction with the marker of its replay.

No letter is sent twice: the start of the producer ends the open transaction of a previous run, and only then are the
markers read, which decide which letters are still to be sent. A replay that was killed can be run again.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from cli.dlq.edited import Edited
from cli.dlq.index import Index
from cli.dlq.letterbox import Found, Letterbox
from cli.dlq.places import LetterPlace
from cli.dlq.plan import Plan
from cli.progress import Progress
from fraudstream.dead_letter import marker_headers, replay_headers
from fraudstream.errors import FraudstreamError
from fraudstream.kafka.connection import BROKEN, error_text, unless_stopped
from fraudstream.kafka.producing import FENCED_ERRORS, TRANSACTION_TIMEOUT_S
from fraudstream.kafka.reading import connected
from fraudstream.kafka.transactions import Transactions
from fraudstream.record import Message
from fraudstream.runtime.failpoints import failpoint

_RUN_AGAIN = "run it again: letters that were replayed have a marker and are skipped"


class ReplayStoppedError(FraudstreamError):
    """A replay that stopped early; the message has the number of letters replayed, and what to do."""


@dataclass(slots=True, kw_only=True)
class Replay:
    """A run of a plan, with its progress."""

    box: Letterbox
    index: Index
    plan: Plan
    edited: Edited | None
    done: int = 0
    edited_count: int = 0
    already_replayed: int = 0
    """Number of letters that another process replayed after the plan was made."""

    async def run(self, identity: str, stop: asyncio.Event) -> None:
        """Send all letters of the plan. Raises ReplayStoppedError, KafkaSetupError."""
        topics = self.plan.target.topic, self.box.topic
        make = partial(Transactions, self.box.kafka, identity, topics)
        async with connected(make, self.box.kafka, self.box.log) as transactions:
            try:
                # other replays are fenced from here on: the markers that they wrote can be read now
                places = await unless_stopped(self._still_open(), stop)
                if places is None:
                    raise self._stopped("interrupted")
                with ExitStack() as stack:
                    file = stack.enter_context(self.edited.opened()) if self.edited else None
                    await self._send(transactions, places, file, stop)
            except FENCED_ERRORS:
                paused = f"or this one was paused for more than {TRANSACTION_TIMEOUT_S} s"
                raise self._stopped(f"another replay has started, {paused}") from None
            except BROKEN as error:
                problem = f"the outcome of the last transaction is unknown ({error_text(error)})"
                raise self._stopped(problem) from error

    async def _still_open(self) -> list[LetterPlace]:
        places = [entry.place for entry in self.plan.entries]
        new_markers = await self.box.since(sorted({place.partition for place in places}))
        still_open = [place for place in places if not new_markers.replays(place)]
        self.already_replayed = len(places) - len(still_open)
        return still_open

    async def _send(
        self, transactions: Transactions, places: Sequence[LetterPlace], file: BinaryIO | None, stop: asyncio.Event
    ) -> None:
        failpoint("replay_begins")
        progress = Progress("replaying", len(places), self.box.log)
        async for chunk in self.box.chunks(places):
            if stop.is_set():
                progress.finish()
                raise self._stopped("interrupted")
            partition = chunk[0].letter.partition
            messages, markers, edited_count = self._build_records(chunk, file)
            await transactions.publish(
                {(self.plan.target.topic, partition): messages, (self.box.topic, partition): markers}
            )
            self.done += len(chunk)
            self.edited_count += edited_count
            progress.advance(partition, len(chunk))
        progress.finish()

    def _build_records(self, chunk: Sequence[Found], file: BinaryIO | None) -> tuple[list[Message], list[Message], int]:
        """Return messages for the input topic, markers for the dead-letter topic, and the number of edited letters.

        Timestamps are the current time: retention would delete messages with old timestamps immediately.
        """
        now_ms = int(1_000 * time.time())
        messages, markers = list[Message](), list[Message]()
        edited_count = 0
        for letter, _ in chunk:
            place = LetterPlace(letter.partition, letter.offset)
            value = self.edited.value(place, file) if self.edited and file else letter.value
            differs, again = value != letter.value, bool(self.index.replays(place))
            messages.append((letter.key, value, now_ms, replay_headers(letter, self.box.topic)))
            markers.append((None, None, now_ms, marker_headers(letter, edited=differs, again=again)))
            edited_count += differs
        return messages, markers, edited_count

    def _stopped(self, why: str) -> ReplayStoppedError:
        return ReplayStoppedError(f"{why}; {self.done:,} of {len(self.plan.entries):,} letters replayed; {_RUN_AGAIN}")
