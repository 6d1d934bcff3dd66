"""Values of the archive's columns, made equal for both databases. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from pydantic_core import from_json

from fraudstream.timestamps import Precision, utc_text


@lru_cache(maxsize=10_000)
def moment_text(moment: datetime | str, timespec: Precision = "milliseconds") -> str:
    """Return a time, which SQLite has as text, in RFC 3339 and UTC; cached: payments of a batch share it."""
    moment = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return utc_text(moment, timespec)


def reasons(document: str | Sequence[Mapping[str, Any]]) -> Sequence[str]:
    """Return the texts of the reasons, which SQLite has as JSON."""
    found = from_json(document) if isinstance(document, str) else document
    return [str(reason["text"]) for reason in found]
