"""The contenders' dependencies outside of our own environment, made once: a virtual environment, a jar, libraries."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

_HERE = Path(__file__).parent
_CACHE = _HERE.parent / ".cache"
_LOCK = _HERE / "requirements.lock"
_ENVIRONMENT = _CACHE / "bench-venv"
_STREAMS = _HERE / "kafka_streams"
_BUILD_TIMEOUT_S = 900


def python() -> Path:
    """Return the interpreter of an environment with exactly the packages of requirements.lock."""
    interpreter = _ENVIRONMENT / "bin" / "python"
    stamp = _ENVIRONMENT / "made-from"
    wanted = f"{sys.prefix} {sys.version} {_digest([_LOCK])}"
    if not _is_current(stamp, wanted):
        print("making the frameworks' virtual environment ...", flush=True)
        _run([sys.executable, "-m", "venv", "--clear", str(_ENVIRONMENT)])
        pip = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--require-hashes", "--requirement", str(_LOCK)])
        stamp.write_text(wanted, encoding="utf-8")
    return interpreter


def streams_classpath() -> str:
    """Return the Kafka Streams program and its libraries; Maven builds them if the sources have changed."""
    target = _STREAMS / "target"
    stamp = target / "made-from"
    wanted = _digest([_STREAMS / "pom.xml", *sorted((_STREAMS / "src").rglob("*.java"))])
    if not _is_current(stamp, wanted):
        print("building the Kafka Streams program ...", flush=True)
        shutil.rmtree(target, ignore_errors=True)
        _run(["mvn", "-q", "-B", "-f", str(_STREAMS / "pom.xml"), "package"])
        stamp.write_text(wanted, encoding="utf-8")
    return f"{target}/scorer.jar:{target}/libs/*"


def _digest(files: list[Path]) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _is_current(stamp: Path, wanted: str) -> bool:
    return stamp.exists() and stamp.read_text(encoding="utf-8") == wanted


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_BUILD_TIMEOUT_S, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
