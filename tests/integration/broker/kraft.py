"""Kafka 4 without ZooKeeper: each process is a broker and one of the controllers."""

import base64
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path

LISTENER = "CONTROLLER"
_FORMAT_TIMEOUT_S = 60


def broker_properties(index: int, controllers: Sequence[int]) -> dict[str, str]:
    """Return the settings of a process that is broker and controller; `controllers` are all controllers' ports."""
    voters = ",".join(f"{node}@127.0.0.1:{port}" for node, port in enumerate(controllers))
    return {
        "process.roles": "broker,controller",
        "node.id": str(index),
        "controller.quorum.voters": voters,
        "controller.listener.names": LISTENER,
        "broker.session.timeout.ms": "6000",  # a killed broker can rejoin after that
    }


def random_cluster_id() -> str:
    """Return an id as Kafka makes them: 16 bytes in 22 characters."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_")


def format_storage(java: Sequence[str], cluster_id: str, settings: Path) -> None:
    """Prepare the data folder named in `settings`; a broker in KRaft mode does not start on an empty one. Blocks."""
    command = [*java, "kafka.tools.StorageTool", "format", "--cluster-id", cluster_id, "--config", str(settings)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_FORMAT_TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"kafka-storage format failed:\n{done.stdout}{done.stderr}")
