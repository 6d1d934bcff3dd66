"""A Produce request that sends the bytes of a batch unchanged, damaged or not."""

import socket
import struct
from typing import Self

_PRODUCE, _VERSION = 0, 7
_TIMEOUT_MS = 10_000


class RawProducer:
    """Connection to one broker, given as host:port."""

    def __init__(self, bootstrap: str) -> None:
        host, _, port = bootstrap.partition(",")[0].rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, topic: str, partition: int, batch: bytes) -> int:
        """Send a batch and return the broker's error code; 0 if the batch is stored."""
        name = topic.encode()
        body = struct.pack(">hhii", -1, -1, _TIMEOUT_MS, 1) + struct.pack(">h", len(name)) + name
        body += struct.pack(">iii", 1, partition, len(batch)) + batch
        message = struct.pack(">hhih", _PRODUCE, _VERSION, 1, -1) + body
        self._socket.sendall(struct.pack(">i", len(message)) + message)
        (size,) = struct.unpack(">i", exactly(self._socket, 4))
        answer = exactly(self._socket, size)
        (code,) = struct.unpack_from(">h", answer, 4 + 4 + 2 + len(name) + 4 + 4)
        return int(code)


def exactly(source: socket.socket, size: int) -> bytes:
    """Receive that many bytes; ConnectionResetError if the connection ends before."""
    data = b""
    while len(data) < size:
        chunk = source.recv(size - len(data))
        if not chunk:
            raise ConnectionResetError("the connection was closed")
        data += chunk
    return data
