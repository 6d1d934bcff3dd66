"""Free ports of this machine."""

import socket


def free_port(wanted: int = 0) -> int:
    """Return `wanted` if it is free, else any free port."""
    for port in (wanted, 0):
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            number: int = one.getsockname()[1]
            return number
    raise OSError("no port is free")
