"""Requests to skip a batch that can't be decoded: files next to the CSV, written by a user and carried out by a scorer.

Only the scorer that owns the partition can skip the batch and keep previous owners fenced, and only while it is stopped
at that very offset. Its answer replaces the request.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fraudstream.errors import FraudstreamError
from fraudstream.runtime.regular_files import SHARED_MODE, regular_file, replace_regular

_MOST_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipRequest:
    """A request to skip the batch of `topic` at `offset`."""

    topic: str
    partition: int
    offset: int


class SkipRequests:
    """Requests next to one CSV, at most one per partition."""

    def __init__(self, csv: Path) -> None:
        self._csv = csv

    def leave(self, request: SkipRequest) -> None:
        """Write the request, in place of an earlier one for the partition. Raises FraudstreamError."""
        try:
            self._write(request.partition, asdict(request))
        except OSError as error:
            raise FraudstreamError(
                f"CSV_PATH: the request can't be written to {self._csv.parent}: {error.strerror}"
            ) from None

    def pending(self, partition: int) -> SkipRequest | None:
        """Return the request, None if there is none, or it can't be read."""
        content = self._read(partition)
        try:
            request = SkipRequest(
                topic=str(content["topic"]), partition=int(content["partition"]), offset=int(content["offset"])
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
        return request if asdict(request) == content else None

    def answer(self, partition: int, text: str) -> None:
        """Replace the request by the answer `text`. Raises OSError."""
        self._write(partition, {"answer": text})

    def answered(self, partition: int) -> str | None:
        """Return the answer, None if there is none yet."""
        answer = self._read(partition).get("answer")
        return answer if isinstance(answer, str) else None

    def withdraw(self, partition: int) -> None:
        """Remove the request, or its answer."""
        self._path(partition).unlink(missing_ok=True)

    def _path(self, partition: int) -> Path:
        return self._csv.with_name(f"{self._csv.name}.skip-{partition}")

    def _read(self, partition: int) -> dict[str, Any]:
        try:
            with regular_file(self._path(partition)) as file:
                content = json.loads(file.read(_MOST_BYTES))
        except (OSError, ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}

    def _write(self, partition: int, content: dict[str, Any]) -> None:
        replace_regular(self._path(partition), json.dumps(content).encode(), SHARED_MODE, sync=False)
