"""Execution of a schedule: applies each disturbance when it is due and undoes it later."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from tests.chaos.crew import Crew, Member
from tests.chaos.report import Report
from tests.chaos.schedule import SERVERS, Disturbance, Kind
from tests.integration.broker import Cluster

_LOOK_EVERY_S = 0.1
_PROGRESS_EVERY_S = 10.0
_RESTART_S = 1.0
_SERVERS_BACK_S = 150.0
# a group whose members have died one after the other needs several sessions of 15 s
_CALM_S = 40.0


class Storm:
    """The execution of a schedule on a cluster and a crew."""

    def __init__(
        self, cluster: Cluster, crew: Crew, report: Report, decided: Callable[[], int], progress: Callable[[], str]
    ) -> None:
        self._cluster = cluster
        self._crew = crew
        self._report = report
        self._decided = decided
        self._progress = progress
        self._end_s = 0.0
        self._todo: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._restarts = 0
        self._servers: threading.Thread | None = None
        self._doing: Mapping[Kind, Callable[[Disturbance], None]] = {
            "kill": self._kill,
            "short stop": self._stop,
            "long stop": self._stop,
            "terminate": self._terminate,
            "scale": self._scale,
            "failpoint": self._arm,
            "model swap": self._swap,
            **dict.fromkeys(SERVERS, self._disturb_servers),
        }

    def run(self, schedule: Iterable[Disturbance], duration_s: float) -> None:
        """Run the schedule. Blocks for `duration_s`, then until all servers are up; scorers may still be stopped."""
        self._end_s = time.monotonic() + duration_s
        self._in(_PROGRESS_EVERY_S, self._print_progress)
        for one in schedule:
            self._supervise_until(lambda: False, one.wait_s)
            if one.calm:
                self._supervise_until(partial(self._more_than, self._decided()), _CALM_S)
            if one.kind in SERVERS:
                self._supervise_until(lambda: not (self._servers and self._servers.is_alive()), _SERVERS_BACK_S)
            if time.monotonic() >= self._end_s:
                break
            self._doing[one.kind](one)
        if self._servers:
            self._servers.join(_SERVERS_BACK_S)

    def _supervise_until(self, condition: Callable[[], bool], timeout_s: float) -> None:
        """Check the crew and undo what is due, until the condition holds."""
        end_s = min(self._end_s, time.monotonic() + timeout_s)
        while (now_s := time.monotonic()) < end_s and not condition():
            while self._todo and self._todo[0][0] <= now_s:
                heapq.heappop(self._todo)[2]()
            self._look()
            time.sleep(_LOOK_EVERY_S)

    def _more_than(self, decided: int) -> bool:
        return self._decided() > decided

    def _in(self, wait_s: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._todo, (time.monotonic() + wait_s, next(self._numbers), action))

    def _look(self) -> None:
        """Handle ended and stopped scorers; keep the crew at its number."""
        for member in self._crew.inspect():
            assert member.armed is not None
            resumed = member.armed.resumed
            words = "resumed" if resumed else "killed"
            self._report.log(
                f"{member.name} stopped at {member.armed.failpoint}, {words} in {member.armed.hold_s} s",
                "failpoint reached",
            )
            self._in(member.armed.hold_s, partial(self._resume if resumed else self._kill_stopped, member))
        while len(self._crew.active) + self._restarts < self._crew.target:
            self._restart_in(_RESTART_S)

    def _print_progress(self) -> None:
        self._report.log(f"· {len(self._crew.active)} scorers, {self._progress()}")
        self._in(_PROGRESS_EVERY_S, self._print_progress)

    def _restart_in(self, wait_s: float) -> None:
        self._restarts += 1
        self._in(wait_s, self._restart)

    def _restart(self) -> None:
        self._restarts -= 1
        if len(self._crew.active) < self._crew.target:
            self._report.log(f"{self._crew.start().name} starts", "starts")

    def _kill(self, one: Disturbance) -> None:
        if member := self._crew.pick(one.pick):
            self._report.log(f"SIGKILL {member.name}, another one in {one.hold_s} s", one.kind)
            self._restart_in(one.hold_s)
            self._crew.kill(member)

    def _stop(self, one: Disturbance) -> None:
        if member := self._crew.pick(one.pick):
            self._report.log(f"SIGSTOP {member.name} for {one.hold_s} s", one.kind)
            self._crew.pause(member)
            self._in(one.hold_s, partial(self._resume, member))

    def _terminate(self, one: Disturbance) -> None:
        if member := self._crew.pick(one.pick):
            self._report.log(f"SIGTERM {member.name}, another one in {one.hold_s} s", one.kind)
            self._restart_in(one.hold_s)
            self._crew.terminate(member)

    def _scale(self, one: Disturbance) -> None:
        self._report.log(f"scale from {self._crew.target} to {one.replicas}", one.kind)
        self._crew.target = one.replicas
        while len(self._crew.active) + self._restarts < self._crew.target:
            self._restart_in(0)
        while len(self._crew.active) > self._crew.target and (member := self._crew.pick(one.pick)):
            self._crew.terminate(member)

    def _arm(self, one: Disturbance) -> None:
        """Replace a running scorer by an armed one."""
        if member := self._crew.pick(one.pick):
            self._crew.kill(member)
        self._report.log(
            f"{self._crew.start(one).name} starts, armed with {one.failpoint}", f"failpoint {_action(one)}"
        )

    def _swap(self, one: Disturbance) -> None:
        self._report.log(f"models swapped: {', '.join(self._crew.swap(one.pick))} now", one.kind)

    def _resume(self, member: Member) -> None:
        if member.service.running:
            self._report.log(f"SIGCONT {member.name}")
            self._crew.resume(member)

    def _kill_stopped(self, member: Member) -> None:
        if member.service.running:
            self._report.log(f"SIGKILL {member.name}, stopped at {member.armed.failpoint if member.armed else ''}")
            self._crew.kill(member)

    def _disturb_servers(self, one: Disturbance) -> None:
        """Disturb servers in a thread, as they take seconds to stop and start."""
        work = {
            "broker restart": partial(self._restart_broker, self._cluster.broker.terminate),
            "broker kill": partial(self._restart_broker, self._cluster.broker.kill),
        }
        self._report.log(f"{one.kind}, back in {one.hold_s} s", one.kind)
        self._servers = threading.Thread(target=work.get(one.kind, self._stop_zookeeper), args=(one.hold_s,))
        self._servers.start()

    def _restart_broker(self, end: Callable[[], None], hold_s: float) -> None:
        end()
        time.sleep(hold_s)
        self._cluster.broker.start()
        self._report.log("the broker is back")

    def _stop_zookeeper(self, hold_s: float) -> None:
        self._cluster.zookeeper.pause()
        time.sleep(hold_s)
        self._cluster.zookeeper.resume()
        self._report.log("ZooKeeper is back")


def _action(one: Disturbance) -> str:
    return one.failpoint.partition("=")[2].partition("@")[0]
