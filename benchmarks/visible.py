"""The visible size of a contender's output: in a topic for read_committed readers, in a CSV for any reader.

Sampled 50 times per second beside the contender, so as light as possible: one request in plain sockets, no client.
"""

import socket
import struct
from pathlib import Path
from typing import Protocol

_LIST_OFFSETS, _VERSION, _READ_COMMITTED, _LATEST = 2, 2, 1, -1
_TIMEOUT_S = 30.0


class Output(Protocol):
    """An output that grows."""

    def total(self) -> int:
        """Return the size: of a topic, records and transaction markers; of a CSV, rows."""
        ...

    def close(self) -> None:
        """Release the resources."""
        ...


class TopicOutput:
    """The last stable offsets of a topic's partitions, added up."""

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        host, _, port = bootstrap.rpartition(":")
        self._connection = socket.create_connection((host, int(port)), timeout=_TIMEOUT_S)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._connection.makefile("rb")
        self._request = _request(topic, partitions)
        self._prefix_bytes = 4 + 4 + 4 + 2 + len(topic) + 4  # correlation id, throttling, topics, name, partitions

    def total(self) -> int:
        """Ask the broker."""
        self._connection.sendall(self._request)
        (length,) = struct.unpack(">i", self._answers.read(4))
        answer = self._answers.read(length)
        total = 0
        for _, error, _, offset in struct.iter_unpack(">ihqq", answer[self._prefix_bytes :]):
            if error:
                raise ConnectionError(f"ListOffsets failed: error {error}")
            total += offset
        return total

    def close(self) -> None:
        """Disconnect."""
        self._answers.close()
        self._connection.close()


class CsvOutput:
    """The rows of a CSV with a header."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._bytes_read = 0
        self._lines = 0

    def total(self) -> int:
        """Count the rows appended since the last call."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._bytes_read)
                new = file.read()
            self._bytes_read += len(new)
            self._lines += new.count(b"\n")
        return max(0, self._lines - 1)

    def close(self) -> None:
        """Do nothing: no resource is held."""


def _request(topic: str, partitions: int) -> bytes:
    name = topic.encode()
    header = struct.pack(">hhih", _LIST_OFFSETS, _VERSION, 0, -1)  # correlation id 0, no client id
    body = struct.pack(">ibih", -1, _READ_COMMITTED, 1, len(name)) + name + struct.pack(">i", partitions)
    wanted = b"".join(struct.pack(">iq", partition, _LATEST) for partition in range(partitions))
    request = header + body + wanted
    return struct.pack(">i", len(request)) + request
