"""ZooKeeper and N Kafka brokers in a folder of their own."""

import shutil
import socket
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.integration.broker import jars
from tests.integration.broker.deadline import wait_until
from tests.integration.broker.metadata import live_brokers
from tests.integration.broker.ports import Port
from tests.integration.broker.process import Process

# Short-lived brokers: the fast first compiler and a collector without helper threads halve their start.
QUICK_JVM = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")


class Cluster:
    """A cluster for tests, on fixed ports, whose processes can be killed, paused and started again on the same data.

    `properties` are added to each broker's, `jvm` replaces its JVM's options; `listeners` are more ports of the one
    broker, by name, at this machine's address `host`. Starting and stopping block.
    """

    def __init__(
        self,
        brokers: int = 1,
        properties: Mapping[str, str] | None = None,
        jvm: Sequence[str] = QUICK_JVM,
        listeners: Mapping[str, int] | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="fraudstream-broker-"))
        self._ports = [Port.reserve() for _ in range(brokers + 1)]
        self._classpath = f"{jars.folder()}/*"
        self._jvm = jvm
        self._more_listeners = "".join(f",{name}://{host}:{port}" for name, port in (listeners or {}).items())
        self.zookeeper = self._zookeeper(self._ports[0].number)
        self.brokers = [self._broker(index, brokers, properties or {}) for index in range(brokers)]

    @property
    def bootstrap(self) -> str:
        """The brokers' addresses, as clients want them."""
        return ",".join(f"127.0.0.1:{port.number}" for port in self._ports[1:])

    @property
    def broker(self) -> Process:
        """The first broker: the only one, unless more were asked for."""
        return self.brokers[0]

    def segment(self, topic: str, partition: int) -> Path:
        """The file in which the first broker keeps the partition's records, if it has begun no second one."""
        (path,) = (self._folder / "kafka-0" / f"{topic}-{partition}").glob("*.log")
        return path

    def start(self) -> None:
        """Start everything, and wait until every broker knows all the others."""
        self.zookeeper.launch()
        for broker in self.brokers:
            broker.launch()
        self.zookeeper.wait_ready()
        for broker in self.brokers:
            broker.wait_ready()
        wait_until(self._all_know_all, timeout_s=30, what="brokers know each other")

    def stop(self) -> None:
        """End every process at once and delete the data."""
        for process in [*self.brokers, self.zookeeper]:
            process.kill()
        for port in self._ports:
            port.release()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _all_know_all(self) -> bool:
        return all(len(live_brokers(port.number)) == len(self.brokers) for port in self._ports[1:])

    def _zookeeper(self, port: int) -> Process:
        properties = {
            "dataDir": f"{self._folder}/zookeeper",
            "clientPort": str(port),
            "clientPortAddress": "127.0.0.1",
            "tickTime": "2000",
            "maxClientCnxns": "0",
            "admin.enableServer": "false",
            "4lw.commands.whitelist": "srvr",
        }
        main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        return self._java("zookeeper", main, properties, lambda: _zookeeper_serves(port))

    def _broker(self, index: int, brokers: int, properties: Mapping[str, str]) -> Process:
        port = self._ports[index + 1].number
        replicas = str(min(brokers, 3))
        defaults = {
            "broker.id": str(index),
            "listeners": f"PLAINTEXT://127.0.0.1:{port}{self._more_listeners}",
            "zookeeper.connect": f"127.0.0.1:{self._ports[0].number}",
            "zookeeper.session.timeout.ms": "6000",  # a killed broker may come back after that
            "log.dirs": f"{self._folder}/kafka-{index}",
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",
            "offsets.retention.minutes": "43200",
            "offsets.topic.num.partitions": "4",
            "offsets.topic.replication.factor": replicas,
            "transaction.state.log.num.partitions": "4",
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": "1",
            "controlled.shutdown.max.retries": "1",
            # retention would look 30 s after the start, and delete records with timestamps of long ago
            "log.initial.task.delay.ms": "3600000",
        }
        settings = {**defaults, **properties}
        return self._java(f"kafka-{index}", "kafka.Kafka", settings, lambda: index in live_brokers(port))

    def _java(self, name: str, main: str, properties: Mapping[str, str], ready: Callable[[], bool]) -> Process:
        settings = self._folder / f"{name}.properties"
        settings.write_text("".join(f"{key}={value}\n" for key, value in properties.items()), encoding="utf-8")
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        command = ["java", *self._jvm, quiet, "-cp", self._classpath, main, str(settings)]
        return Process(name, command, self._folder / f"{name}.log", ready)


def _zookeeper_serves(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"srvr")
            return b"Mode:" in connection.makefile("rb").read()
    except OSError:
        return False
