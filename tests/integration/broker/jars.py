"""The jars of each line of Kafka, fetched once by Maven into a cache that parallel runs share."""

import fcntl
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.broker.line import Line

_CACHE = Path(__file__).parents[3] / ".cache" / "kafka"
_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
_FETCH_TIMEOUT_S = 300
_STAMP = "pom.xml"


def why_unavailable() -> str | None:
    """Return why a broker can't be started on this machine, or None if it can."""
    missing = [command for command in ("java", "mvn") if shutil.which(command) is None]
    return f"{' and '.join(missing)} not on the PATH" if missing else None


def folder(line: Line) -> Path:
    """Return the folder with all jars; fetch them if the cache is empty or from another list of dependencies."""
    cache = _CACHE / line
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / "lock"):
        jars = cache / "jars"
        if not _is_complete(jars, pom(line)):
            _fetch(jars, pom(line))
    return jars


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of that file within the block; blocks."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def pom(line: Line) -> Path:
    """Return Maven's list of that line's dependencies."""
    return Path(__file__).with_name(f"kafka-{line}.xml")


def _is_complete(jars: Path, wanted: Path) -> bool:
    stamp = jars / _STAMP
    return stamp.exists() and stamp.read_bytes() == wanted.read_bytes()


def _fetch(jars: Path, wanted: Path) -> None:
    part = jars.with_name("part")
    for stale in (jars, part):
        shutil.rmtree(stale, ignore_errors=True)
    command = ["mvn", "-q", "-B", "-f", str(wanted), _GOAL, "-DincludeScope=runtime", f"-DoutputDirectory={part}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_FETCH_TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"mvn could not fetch Kafka's jars:\n{done.stdout}{done.stderr}")
    shutil.copy(wanted, part / _STAMP)
    part.rename(jars)
