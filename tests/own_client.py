"""aiokafka's own classes for reading, for oracles: a fault in the product's replacements must not hide itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiokafka.consumer import fetcher

_fetcher: Any = fetcher
_NAMES = ("MemoryRecords", "PartitionRecords", "FetchResult")
OWN = {name: getattr(fetcher, name) for name in _NAMES}
"""As this module is imported before the tests apply the product's patches."""


@contextmanager
def own_reading() -> Iterator[None]:
    """Let consumers read with the client's own classes within the block."""
    patched = {name: getattr(fetcher, name) for name in _NAMES}
    try:
        for name, own in OWN.items():
            setattr(_fetcher, name, own)
        yield
    finally:
        for name, ours in patched.items():
            setattr(_fetcher, name, ours)
