"""`dlq replay`: letters back into the input, each in one transaction with the marker that says so.

Nothing is sent twice: the producer's start ends what a former run had open, and only then are the markers read that
decide who is still to be sent. Whoever is killed, or starts a second one, runs it again.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from cli.dlq.choosing import LetterPlace
from cli.dlq.edited import Edited
from cli.dlq.index import Index
from cli.dlq.letterbox import Found, Letterbox
from cli.dlq.plan import Plan
from cli.progress import Progress
from fraudstream.dead_letter import marker_headers, replay_headers
from fraudstream.errors import FraudstreamError
from fraudstream.kafka.connection import BROKEN, Log, unless_stopped
from fraudstream.kafka.producing import FENCED_ERRORS, TRANSACTION_TIMEOUT_S
from fraudstream.kafka.reading import connected
from fraudstream.kafka.transactions import Transactions
from fraudstream.record import Message
from fraudstream.runtime.failpoints import failpoint
from fraudstream.runtime.settings import KafkaSettings

_RUN_AGAIN = "run it again: what was replayed has its marker, and is left out"


class ReplayStoppedError(FraudstreamError):
    """The replay ended before its end; the message says how much is done, and what to do."""


@dataclass(slots=True, kw_only=True)
class Replay:
    """What is sent, and how far it is."""

    box: Letterbox
    index: Index
    plan: Plan
    edited: Edited | None
    log: Log
    done: int = 0
    mended: int = 0
    meanwhile: int = 0
    """Letters that somebody else replayed after the plan was made."""

    async def run(self, kafka: KafkaSettings, identity: str, stop: asyncio.Event) -> None:
        """Send all of the plan. Raises ReplayStoppedError, KafkaSetupError."""
        topics = self.plan.target.topic, self.box.topic
        make = partial(Transactions, kafka, identity, topics)
        async with connected(make, kafka, self.log) as transactions:
            try:
                # from here on nobody else replays: what they have, is to be seen
                places = await unless_stopped(self._still_open(), stop)
                if places is None:
                    raise self._stopped("interrupted")
                with ExitStack() as stack:
                    file = stack.enter_context(self.edited.opened()) if self.edited else None
                    await self._send(transactions, places, file, stop)
            except FENCED_ERRORS:
                paused = f"or this one was paused for more than {TRANSACTION_TIMEOUT_S} s"
                raise self._stopped(f"another replay has begun since, {paused}") from None
            except BROKEN as error:
                problem = f"the outcome of the last transaction is not known ({str(error) or type(error).__name__})"
                raise self._stopped(problem) from error

    async def _still_open(self) -> list[LetterPlace]:
        places = [entry.place for entry in self.plan.entries]
        news = await self.box.since(sorted({place.partition for place in places}))
        still = [place for place in places if not news.replays(place)]
        self.meanwhile = len(places) - len(still)
        return still

    async def _send(
        self, transactions: Transactions, places: Sequence[LetterPlace], file: BinaryIO | None, stop: asyncio.Event
    ) -> None:
        failpoint("replay_begins")
        progress = Progress("replaying", len(places), self.log)
        async for chunk in self.box.chunks(places):
            if stop.is_set():
                progress.finish()
                raise self._stopped("interrupted")
            partition = chunk[0].letter.partition
            messages, markers, mended = self._worded(chunk, file)
            await transactions.publish(
                {(self.plan.target.topic, partition): messages, (self.box.topic, partition): markers}
            )
            self.done += len(chunk)
            self.mended += mended
            progress.advance(partition, len(chunk))
        progress.finish()

    def _worded(self, chunk: Sequence[Found], file: BinaryIO | None) -> tuple[list[Message], list[Message], int]:
        """What goes to the input, what goes to the letters' own topic, and how many letters are mended.

        With the time of now: retention would delete a message with a time of long ago at once.
        """
        now_ms = int(1_000 * time.time())
        messages, markers = list[Message](), list[Message]()
        mended = 0
        for letter, _ in chunk:
            place = LetterPlace(letter.partition, letter.offset)
            value = self.edited.value(place, file) if self.edited and file else letter.value
            differs, again = value != letter.value, bool(self.index.replays(place))
            messages.append((letter.key, value, now_ms, replay_headers(letter, self.box.topic)))
            markers.append((None, None, now_ms, marker_headers(letter, edited=differs, again=again)))
            mended += differs
        return messages, markers, mended

    def _stopped(self, why: str) -> ReplayStoppedError:
        return ReplayStoppedError(f"{why}; {self.done:,} of {len(self.plan.entries):,} letters replayed; {_RUN_AGAIN}")
