"""N Kafka brokers in a folder of their own; those of Kafka 3.9 with a ZooKeeper."""

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.integration.broker import jars, kraft, zookeeper
from tests.integration.broker.deadline import wait_until
from tests.integration.broker.line import Line, kafka_line
from tests.integration.broker.metadata import live_brokers
from tests.integration.broker.ports import Port
from tests.integration.broker.process import Process, Servers

# The brokers are short-lived: the fast first compiler and a collector without helper threads halve their start.
_QUICK_JVM = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
_CLASSES = "classes.jsa"


class Cluster(Servers):
    """A cluster for tests, on fixed ports, whose processes can be killed, paused and started again on the same data.

    `properties` are added to each broker's, `jvm` replaces the options `quick_jvm` of its JVM; `listeners` are more
    ports of a single broker, by name, at this machine's address `host`; `line` is by default the one that TEST_KAFKA
    names.
    Starting and stopping block.
    """

    def __init__(
        self,
        brokers: int = 1,
        properties: Mapping[str, str] | None = None,
        jvm: Sequence[str] | None = None,
        listeners: Mapping[str, int] | None = None,
        host: str = "127.0.0.1",
        line: Line | None = None,
    ) -> None:
        self.line = line or kafka_line()
        self._folder = Path(tempfile.mkdtemp(prefix="fraudstream-broker-"))
        self._ports = [Port.reserve() for _ in range(brokers)]
        # of the ZooKeeper, or of the controller in each broker
        self._controllers = [Port.reserve() for _ in range(1 if self.line is Line.ZOOKEEPER else brokers)]
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        self._java = ["java", *(jvm or quick_jvm(self.line)), quiet, "-cp", f"{jars.folder(self.line)}/*"]
        self._more_listeners = "".join(f",{name}://{host}:{port}" for name, port in (listeners or {}).items())
        self._zookeeper = self._make_zookeeper() if self.line is Line.ZOOKEEPER else None
        self.brokers = [self._make_broker(index, properties or {}) for index in range(brokers)]

    @property
    def bootstrap(self) -> str:
        """The brokers' addresses, as clients take them."""
        return ",".join(f"127.0.0.1:{port.number}" for port in self._ports)

    @property
    def broker(self) -> Process:
        """The first broker: the only one, unless more were requested."""
        return self.brokers[0]

    @property
    def zookeeper(self) -> Process:
        """The ZooKeeper server; tests that need it are marked `zookeeper`."""
        if self._zookeeper is None:
            raise RuntimeError(f"Kafka {self.line} has no ZooKeeper: mark this test `zookeeper`")
        return self._zookeeper

    @property
    def zookeeper_address(self) -> str:
        """The address at which ZooKeeper answers its clients."""
        return f"127.0.0.1:{self._controllers[0].number}"

    def segment(self, topic: str, partition: int) -> Path:
        """Return the file in which the first broker keeps the partition's records, if it has only one segment."""
        (path,) = (self._folder / "kafka-0" / f"{topic}-{partition}").glob("*.log")
        return path

    def start(self) -> None:
        """Start everything, and wait until every broker knows all the others."""
        if self._zookeeper is None:
            cluster_id = kraft.random_cluster_id()
            for broker in self.brokers:
                kraft.format_storage(self._java, cluster_id, self._settings(broker.name))
        for process in self._processes:
            process.launch()
        for process in self._processes:
            process.wait_ready()
        wait_until(self._all_know_all, timeout_s=60, what="every broker knows all the others")

    def stop(self) -> None:
        """Kill every process and delete the data."""
        for process in reversed(self._processes):
            process.kill()
        for port in [*self._ports, *self._controllers]:
            port.release()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _processes(self) -> list[Process]:
        return [*([self._zookeeper] if self._zookeeper else []), *self.brokers]

    def _all_know_all(self) -> bool:
        return all(len(live_brokers(port.number)) == len(self.brokers) for port in self._ports)

    def _make_zookeeper(self) -> Process:
        port = self._controllers[0].number
        properties = zookeeper.server_properties(f"{self._folder}/zookeeper", port)
        main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        return self._process("zookeeper", main, properties, lambda: zookeeper.serves(port))

    def _make_broker(self, index: int, properties: Mapping[str, str]) -> Process:
        port = self._ports[index].number
        replicas = str(min(len(self._ports), 3))
        controllers = [one.number for one in self._controllers]
        listeners = f"PLAINTEXT://127.0.0.1:{port}{self._more_listeners}"
        if self.line is Line.ZOOKEEPER:
            mode = zookeeper.broker_properties(index, controllers[0])
        else:
            mode = kraft.broker_properties(index, controllers)
            listeners += f",{kraft.LISTENER}://127.0.0.1:{controllers[index]}"
        defaults = {
            **mode,
            "listeners": listeners,
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
            # retention would run 30 s after the start, and delete records with old timestamps: not before the tests end
            "log.initial.task.delay.ms": str(7 * 24 * 3_600_000),
        }
        return self._process(
            f"kafka-{index}", "kafka.Kafka", {**defaults, **properties}, lambda: index in live_brokers(port)
        )

    def _process(self, name: str, main: str, properties: Mapping[str, str], ready: Callable[[], bool]) -> Process:
        settings = self._settings(name)
        settings.write_text("".join(f"{key}={value}\n" for key, value in properties.items()), encoding="utf-8")
        return Process(name, [*self._java, main, str(settings)], self._folder / f"{name}.log", ready)

    def _settings(self, name: str) -> Path:
        return self._folder / f"{name}.properties"


def quick_jvm(line: Line) -> tuple[str, ...]:
    """Return options for a quick start, with an archive of a broker's classes, which is made once.

    The archive halves the CPU time of a broker's start (2.9 → 1.5 s). A JVM ignores an archive that it can't use; where
    it can't make one, the file is empty.
    """
    jar_folder = jars.folder(line)
    classes = jar_folder / _CLASSES
    with jars.locked(jar_folder / "classes.lock"):
        if not classes.exists():
            with Cluster(jvm=(*_QUICK_JVM, f"-XX:ArchiveClassesAtExit={classes}"), line=line) as cluster:
                cluster.broker.terminate(timeout_s=120)
            classes.touch()
    return (*_QUICK_JVM, f"-XX:SharedArchiveFile={classes}")
