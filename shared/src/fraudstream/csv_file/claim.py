"""Ownership of a CSV by one stack while its scorers run: a shared flock, which the kernel releases with its holder."""

import fcntl
import json
import os
from dataclasses import asdict
from pathlib import Path

from fraudstream.csv_file.layout import Layout
from fraudstream.csv_file.lock import is_current, try_lock
from fraudstream.csv_file.paths import beside
from fraudstream.csv_file.protocol import Identity
from fraudstream.errors import JournalForeignError
from fraudstream.payment_schema import default_schema
from fraudstream.runtime.regular_files import SHARED_MODE, closing, open_regular

_MAX_BYTES = 4_096
_LAYOUT = "layout"


class Claim:
    """A claim on the CSV at `path`, shared by all running scorers of `identity`: others must not write.

    No clock is involved: a stack without anything to write holds the claim too, and one that was killed does not. The
    caller holds the CSV's lock in every call but `release`.
    """

    def __init__(self, path: Path, identity: Identity, layout: Layout) -> None:
        self.path = beside(path, "claim")
        self._csv = path
        self._identity = identity
        self._content = json.dumps(asdict(identity) | _stated(layout)).encode()
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this process has claimed the CSV."""
        return self._descriptor is not None

    def take(self) -> None:
        """Claim the CSV until `release`. Raises JournalForeignError as `check` does."""
        self.check()
        if self.held:
            return
        descriptor = open_regular(self.path, os.O_RDWR | os.O_CREAT, SHARED_MODE)
        try:
            if try_lock(descriptor):  # no other claim: the file may name a stack that has stopped
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, self._content, 0)
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def check(self) -> None:
        """Raise JournalForeignError if running scorers of another identity have claimed the CSV."""
        if self._descriptor is not None and is_current(self._descriptor, self.path):
            return
        try:
            descriptor = open_regular(self.path, os.O_RDWR)
        except FileNotFoundError:
            pass
        else:
            with closing(descriptor):
                theirs = os.pread(descriptor, _MAX_BYTES, 0)
                if theirs != self._content and not try_lock(descriptor):
                    raise self.refusal(_parse_identity(theirs))
        if self.held:  # another program deleted the file of our claim: claim the CSV again
            self.release()
            self.take()

    def release(self) -> None:
        """Release the claim, if it is held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def refusal(self, theirs: Identity | None) -> JournalForeignError:
        """Return the error to raise if the CSV belongs to `theirs`; None: to an unknown stack."""
        ours = self._identity
        if theirs == ours:
            return JournalForeignError(
                f"CSV_PATH: {self._csv} is in use by a running scorer with another payment schema: stop all scorers of "
                "the previous schema first"
            )
        if theirs and (theirs.cluster, theirs.topic) == (ours.cluster, ours.topic):
            return JournalForeignError(
                f"CSV_PATH: {self._csv} belongs to consumer group {theirs.group!r}, not {ours.group!r}: "
                "give this group a CSV_PATH of its own"
            )
        owner = f"of Kafka cluster {theirs.cluster!r}, topic {theirs.topic!r}" if theirs else "of another stack"
        return JournalForeignError(
            f"CSV_PATH: {self._csv} is in use by a running scorer {owner}; this one reads cluster {ours.cluster!r}, "
            f"topic {ours.topic!r}: give one of them a CSV_PATH of its own, or stop the other one first"
        )


def _stated(layout: Layout) -> dict[str, str]:
    """Return the layout as a claim states it; not that of the default schema, which earlier releases have."""
    return {} if layout.sha256 == default_schema().layout_sha256 else {_LAYOUT: layout.sha256}


def _parse_identity(content: bytes) -> Identity | None:
    try:
        return Identity(**{name: value for name, value in json.loads(content).items() if name != _LAYOUT})
    except (ValueError, TypeError, AttributeError):
        return None
