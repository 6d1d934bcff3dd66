"""Partitions stopped at a batch that can't be decoded: their log events, health, and requests to skip the batch."""

from collections.abc import Mapping

import structlog

from fraudstream.csv_file.skip_requests import SkipRequest, SkipRequests
from fraudstream.record import Unreadable
from fraudstream.runtime.log_on_change import Every
from fraudstream.runtime.own_command import own_command

_LOOK_EVERY_S = 0.5


class Stops:
    """Stopped partitions, as of the last `InputConsumer.stopped_at`."""

    def __init__(self, topic: str, requests: SkipRequests) -> None:
        self._topic = topic
        self._requests = requests
        self._reported: dict[int, Unreadable] = {}
        self._look = Every(_LOOK_EVERY_S, at_once=True)
        self._log = structlog.get_logger()

    @property
    def state(self) -> str | None:
        """The reason why partitions are stopped and the action to take, for health; None if none is stopped."""
        return "; ".join(self._text(partition, batch) for partition, batch in self._reported.items()) or None

    def follow(self, stopped_at: Mapping[int, Unreadable]) -> None:
        """Log newly stopped and resumed partitions."""
        for partition in self._reported.keys() - stopped_at.keys():
            del self._reported[partition]
            self._log.info("partition resumed", partition=partition)
        for partition, batch in stopped_at.items():
            known = self._reported.get(partition)
            self._reported[partition] = batch
            if known is None or known.offset != batch.offset:
                self._log.error(
                    "partition stopped",
                    topic=self._topic,
                    partition=partition,
                    offset=batch.offset,
                    reason=f"this batch can't be decoded: {batch.damage}",
                    action="retrying every 5 s; other partitions continue",
                    skip_it_with=self._command(partition, batch),
                )

    def requested(self) -> dict[int, Unreadable]:
        """Return the batches to skip; refuse requests for any other offset."""
        if not self._reported or not self._look.due():
            return {}
        wanted = {}
        for partition, batch in self._reported.items():
            request = self._requests.pending(partition)
            if request is None:
                continue
            if request == SkipRequest(topic=self._topic, partition=partition, offset=batch.offset):
                wanted[partition] = batch
            else:
                self._answer(partition, f"refused: {self._text(partition, batch)}")
        return wanted

    def skipped(self, partition: int, batch: Unreadable, following: int) -> None:
        """Log and answer that the offsets before `following` were skipped, which is committed."""
        self._reported.pop(partition, None)
        self._log.warning(
            "batch skipped",
            topic=self._topic,
            partition=partition,
            offset=batch.offset,
            last_offset=following - 1,
            reason=f"skip requested; the batch can't be decoded: {batch.damage}",
        )
        offsets = (
            f"offsets {batch.offset} to {following - 1}" if following - 1 > batch.offset else f"offset {batch.offset}"
        )
        self._answer(partition, f"skipped: {offsets} of {self._topic}, partition {partition}")

    def _answer(self, partition: int, text: str) -> None:
        try:
            self._requests.answer(partition, text)
        except OSError as error:
            self._log.error("skip request not answered", partition=partition, reason=str(error))

    def _text(self, partition: int, batch: Unreadable) -> str:
        return (
            f"{self._topic}, partition {partition} is stopped at offset {batch.offset}: its batch can't be decoded: "
            f"{batch.damage}; skip it with: {self._command(partition, batch)}"
        )

    def _command(self, partition: int, batch: Unreadable) -> str:
        return own_command(f"skip {self._topic} {partition} {batch.offset}")
