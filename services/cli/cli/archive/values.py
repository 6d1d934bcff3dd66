"""Values of the archive's columns, made equal for both databases. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

from pydantic_core import from_json


@lru_cache(maxsize=10_000)
def moment_text(moment: datetime | str, timespec: Literal["seconds", "milliseconds"] = "milliseconds") -> str:
    """Return a time, which SQLite has as text, in RFC 3339 and UTC; cached: payments of a batch share it."""
    moment = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def reasons(document: str | Sequence[Mapping[str, Any]]) -> Sequence[str]:
    """Return the texts of the reasons, which SQLite has as JSON."""
    found = from_json(document) if isinstance(document, str) else document
    return [str(reason["text"]) for reason in found]
