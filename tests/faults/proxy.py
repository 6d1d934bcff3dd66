"""A TCP proxy in front of a broker that cuts connections when a transaction is to end."""

import socket
import struct
import threading
from contextlib import suppress
from typing import Self

from tests.produce import exactly

_END_TXN = 26


class EndTxnCutter:
    """A proxy that cuts the given number of EndTxn requests, in turn after and before the broker has them."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cuts = 0
        self.left = 0
        """The number of EndTxn requests that are still to be cut."""
        self.target = 0
        """The broker's port."""
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with suppress(OSError):
                    broker = socket.create_connection(("127.0.0.1", self.target))
                    threading.Thread(target=self._requests, args=(client, broker), daemon=True).start()
                    threading.Thread(target=_copy, args=(broker, client), daemon=True).start()
                    continue
                client.close()

    def _requests(self, client: socket.socket, broker: socket.socket) -> None:
        with suppress(OSError), client, broker:
            while True:
                head = exactly(client, 4)
                body = exactly(client, struct.unpack(">i", head)[0])
                if struct.unpack(">h", body[:2])[0] == _END_TXN and self._take():
                    if self.cuts % 2 == 0:
                        broker.sendall(head + body)
                    client.shutdown(socket.SHUT_RDWR)
                    return
                broker.sendall(head + body)

    def _take(self) -> bool:
        with self._lock:
            if self.left == 0:
                return False
            self.left -= 1
            self.cuts += 1
            return True


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
