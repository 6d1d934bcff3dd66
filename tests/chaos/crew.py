"""The scorers of a storm: started, disturbed, resumed; the exit of each is checked."""

import itertools
import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from fraudstream.model import store
from tests.chaos.report import Report
from tests.chaos.schedule import Disturbance
from tests.integration.broker.process import kill_with_parent
from tests.integration.service import Service

_ROOT = Path(__file__).parents[2]
# longer than any burst of disturbances and its pause, shorter than the default
_STALL_TIMEOUT_S = 90
# the grace period in docker-compose.yml
_GRACE_S = 30.0
_LAST_LINES = 5
_ARMED_GRACE_S = 20.0
_RESOURCE_WARNING, _TRACEBACK = "ResourceWarning", "Traceback (most recent call last)"
_SIGKILLED, _SIGTERMED = -signal.SIGKILL, -signal.SIGTERM
# nothing in a storm touches the files, deletes records, or resets the group
_NEVER_LOGGED = {
    "CSV damaged",
    "CSV missing",
    "CSV renamed",
    "csv begins here",
    "group reset back",
    "group ahead",
    "journal lost",
    "offsets expired",
    "retention passed",
    "stalled",
    "topic recreated",
}


@dataclass(slots=True, kw_only=True)
class Member:
    """One scorer process and the signals it got: `may_end_as` are the exit codes that these explain."""

    name: str
    service: Service
    guard: subprocess.Popen[bytes]
    armed: Disturbance | None = None
    started_s: float = field(default_factory=time.monotonic)
    paused: bool = False
    killed: bool = False
    terminated_s: float | None = None
    may_end_as: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Crew:
    """All scorers of a storm; `target` is the number to keep running."""

    folder: Path
    settings: Mapping[str, str]
    models: Sequence[Path]
    random: Random
    report: Report
    mutant: str = ""
    target: int = 0
    members: list[Member] = field(default_factory=list)
    _started: list[Member] = field(default_factory=list)

    @property
    def active(self) -> list[Member]:
        """Members that have not been asked to end."""
        return [member for member in self.members if member.terminated_s is None]

    def swap(self, pick: float) -> list[str]:
        """Activate another stored version in each models folder; running scorers load it."""
        swapped = []
        for folder in self.models:
            active = store.active(folder)
            assert active is not None
            kept = [one for one in store.kept(folder) if one.features == active.features]
            others = [one.content_sha256 for one in kept if one.version != active.version]
            swapped.append(store.activate(folder, others[int(pick * len(others))]).version)
        return swapped

    def start(self, armed: Disturbance | None = None) -> Member:
        """Start a scorer with one of the models, armed with a failpoint if that is the disturbance."""
        name = f"scorer-{len(self._started) + 1:02d}"
        folder = self.folder / name
        folder.mkdir()
        settings = {
            **self.settings,
            "MODELS_DIR": str(self.random.choice(self.models)),
            "STALL_TIMEOUT_S": str(_STALL_TIMEOUT_S),
            "FAILPOINTS": armed.failpoint if armed else "",
        }
        service = self._service(folder, settings)
        member = Member(name=name, service=service, guard=kill_with_parent(service.pid), armed=armed)
        if armed and "=kill" in armed.failpoint:
            member.may_end_as.add(_SIGKILLED)
        self.members.append(member)
        self._started.append(member)
        return member

    def _service(self, folder: Path, settings: Mapping[str, str]) -> Service:
        if not self.mutant:
            return Service(folder, "scorer", settings)
        return Service(folder, "tests.faults.mutant", {**settings, "PYTHONPATH": str(_ROOT)}, self.mutant)

    def pick(self, fraction: float) -> Member | None:
        """Return a running member that was not asked to end; new armed ones are excluded to reach their failpoint."""
        there = [member for member in self.active if not member.paused and member.service.running]
        armed_before_s = time.monotonic() - _ARMED_GRACE_S
        there = [member for member in there if not member.armed or member.started_s < armed_before_s] or there
        return there[int(fraction * len(there))] if there else None

    def kill(self, member: Member) -> None:
        """Send SIGKILL."""
        member.killed = True
        member.may_end_as.add(_SIGKILLED)
        member.service.kill()
        self._ended(member)

    def terminate(self, member: Member) -> None:
        """Send SIGTERM: the member must exit by itself, with 0, in time."""
        member.terminated_s = time.monotonic()
        member.may_end_as.add(0)
        if "scorer starts" not in member.service.output:
            member.may_end_as.add(_SIGTERMED)  # Python was still importing
        member.service.terminate()

    def pause(self, member: Member) -> None:
        """Send SIGSTOP."""
        member.paused = True
        member.service.pause()

    def resume(self, member: Member) -> None:
        """Send SIGCONT, unless the member was killed in the meantime."""
        member.paused = False
        if member.service.running:
            member.service.resume()

    def inspect(self) -> list[Member]:
        """Check the members that have ended or should have; return those that a failpoint has just stopped."""
        stopped = []
        for member in list(self.members):
            if not member.service.running:
                self._ended(member)
            elif not member.paused and member.armed and member.service.paused:
                member.paused = True
                stopped.append(member)
            elif member.terminated_s is not None and not member.paused:
                self._in_time(member, member.terminated_s)
        return stopped

    def kill_all(self) -> None:
        """Kill the remaining members."""
        for member in list(self.members):
            self.kill(member)

    def log_counts(self) -> Counter[str]:
        """Count the scorers' log events above level info."""
        counts = Counter[str]()
        for member in self._started:
            for line in member.service.output.splitlines():
                if _RESOURCE_WARNING in line:
                    counts[_RESOURCE_WARNING] += 1
                elif line.startswith("{") and line.endswith("}"):
                    event = json.loads(line)
                    if event.get("level") not in {None, "info"}:
                        counts[event["event"].partition("\n")[0]] += 1
        return counts

    def _in_time(self, member: Member, terminated_s: float) -> None:
        if time.monotonic() - terminated_s > _GRACE_S:
            self.report.add_finding(f"{member.name} still runs {_GRACE_S:g} s after SIGTERM{_end_of(member)}")
            self.kill(member)

    def _ended(self, member: Member) -> None:
        self.members.remove(member)
        member.guard.kill()
        member.guard.communicate()
        code = member.service.wait()
        if code == _SIGKILLED and member.armed and not member.killed:
            self.report.log(f"{member.name} died at {member.armed.failpoint}", "failpoint reached")
        if code not in member.may_end_as:
            self.report.add_finding(f"{member.name} ended with {code}{_end_of(member)}")
        for line in _unexpected_lines(member.service.output):
            self.report.add_finding(f"{member.name} logged: {line}")


def _unexpected_lines(output: str) -> Iterator[str]:
    """Yield tracebacks, each as one, and lines that a storm does not explain, without resources unclosed at exit."""
    for told, lines in itertools.groupby(output.splitlines(), lambda line: line.startswith("{")):
        if told:
            yield from filter(_is_unexpected, lines)
        elif _RESOURCE_WARNING not in (text := "\n".join(lines)) or _TRACEBACK in text:
            yield text


def _is_unexpected(line: str) -> bool:
    if not line.endswith("}"):
        return False
    event = json.loads(line)
    return "exception" in event or event["event"] in _NEVER_LOGGED


def _end_of(member: Member) -> str:
    armed = f", armed with {member.armed.failpoint}" if member.armed else ""
    lines = "".join(f"\n             {line}" for line in member.service.output.splitlines()[-_LAST_LINES:])
    return f"{armed}; expected exit codes {sorted(member.may_end_as)}; its last lines:{lines}"
