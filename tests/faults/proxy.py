"""A TCP proxy in front of a broker that cuts connections when a transaction is to end."""

import socket
import struct
import threading
from contextlib import suppress
from typing import Self

_END_TXN = 26


class EndTxnCutter:
    """A proxy that cuts the given number of EndTxn requests, in turn after and before the broker has them."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cuts = 0
        self._left = 0
        self._target = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def forward_to(self, port: int) -> None:
        """Set the broker's port."""
        self._target = port

    def cut(self, times: int) -> None:
        """Cut the next EndTxn requests."""
        self._left = times

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with suppress(OSError):
                    broker = socket.create_connection(("127.0.0.1", self._target))
                    threading.Thread(target=self._requests, args=(client, broker), daemon=True).start()
                    threading.Thread(target=_copy, args=(broker, client), daemon=True).start()
                    continue
                client.close()

    def _requests(self, client: socket.socket, broker: socket.socket) -> None:
        with suppress(OSError), client, broker:
            while True:
                head = _exactly(client, 4)
                body = _exactly(client, struct.unpack(">i", head)[0])
                if struct.unpack(">h", body[:2])[0] == _END_TXN and self._take():
                    if self.cuts % 2 == 0:
                        broker.sendall(head + body)
                    client.shutdown(socket.SHUT_RDWR)
                    return
                broker.sendall(head + body)

    def _take(self) -> bool:
        with self._lock:
            if self._left == 0:
                return False
            self._left -= 1
            self.cuts += 1
            return True


def _exactly(source: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = source.recv(count - len(data))
        if not more:
            raise OSError("closed")
        data += more
    return data


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
