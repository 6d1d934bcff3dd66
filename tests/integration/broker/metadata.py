"""A request for a cluster's metadata, in plain sockets: an open port alone proves nothing."""

import socket
import struct

_TIMEOUT_S = 2.0
_METADATA_V1 = struct.pack(">hhihi", 3, 1, 0, -1, 0)  # key, version, correlation id, no client id, no topics


def live_brokers(port: int) -> set[int]:
    """Return the ids of the brokers known to the one at 127.0.0.1:`port`; empty without a controller or an answer."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S) as connection:
            connection.sendall(struct.pack(">i", len(_METADATA_V1)) + _METADATA_V1)
            with connection.makefile("rb") as answer:
                (length,) = struct.unpack(">i", answer.read(4))
                return _ids(answer.read(length))
    except (OSError, struct.error):
        return set()


def _ids(answer: bytes) -> set[int]:
    """Return the broker ids in a Metadata v1 answer: correlation id, [(id, host, port, rack)], controller id."""
    _, brokers = struct.unpack_from(">ii", answer)
    ids, position = set(), 8
    for _ in range(brokers):
        ids.add(struct.unpack_from(">i", answer, position)[0])
        position += 4
        position += _string_size(answer, position) + 4
        position += _string_size(answer, position)
    (controller,) = struct.unpack_from(">i", answer, position)
    return ids if controller >= 0 else set()


def _string_size(answer: bytes, position: int) -> int:
    length: int = struct.unpack_from(">h", answer, position)[0]
    return 2 + max(length, 0)
