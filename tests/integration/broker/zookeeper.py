"""The ZooKeeper server of the brokers of Kafka 3.9."""

import socket


def server_properties(folder: str, port: int) -> dict[str, str]:
    """Return the settings of a server on `port` with its data in `folder`."""
    return {
        "dataDir": folder,
        "clientPort": str(port),
        "clientPortAddress": "127.0.0.1",
        "tickTime": "2000",
        "maxClientCnxns": "0",
        "admin.enableServer": "false",
        "4lw.commands.whitelist": "srvr",
    }


def broker_properties(index: int, port: int) -> dict[str, str]:
    """Return the broker's settings for the server on `port`."""
    return {
        "broker.id": str(index),
        "zookeeper.connect": f"127.0.0.1:{port}",
        "zookeeper.session.timeout.ms": "6000",  # a killed broker can rejoin after that
    }


def serves(port: int) -> bool:
    """Return whether a server answers on `port`."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"srvr")
            return b"Mode:" in connection.makefile("rb").read()
    except OSError:
        return False
