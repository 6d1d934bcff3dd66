"""The jars of Kafka and ZooKeeper, fetched once by Maven into a cache that parallel runs share."""

import fcntl
import shutil
import subprocess
from pathlib import Path

_POM = Path(__file__).with_name("pom.xml")
_CACHE = Path(__file__).parents[3] / ".cache" / "kafka"
_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
_FETCH_TIMEOUT_S = 300


def why_unavailable() -> str | None:
    """Why a broker can't be started on this machine, or None if it can."""
    missing = [command for command in ("java", "mvn") if shutil.which(command) is None]
    return f"{' and '.join(missing)} not on the PATH" if missing else None


def folder() -> Path:
    """The folder with all jars; fetched first where the cache is empty or made from another pom.xml."""
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        jars = _CACHE / "jars"
        if not _is_complete(jars):
            _fetch(jars)
    return jars


def _is_complete(jars: Path) -> bool:
    stamp = jars / _POM.name
    return stamp.exists() and stamp.read_bytes() == _POM.read_bytes()


def _fetch(jars: Path) -> None:
    part = jars.with_name("part")
    for stale in (jars, part):
        shutil.rmtree(stale, ignore_errors=True)
    command = ["mvn", "-q", "-B", "-f", str(_POM), _GOAL, "-DincludeScope=runtime", f"-DoutputDirectory={part}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_FETCH_TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"mvn could not fetch Kafka's jars:\n{done.stdout}{done.stderr}")
    shutil.copy(_POM, part)
    part.rename(jars)
