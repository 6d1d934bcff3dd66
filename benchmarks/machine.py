"""The machine of a run: figures of different machines differ, ratios differ less."""

import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

from tests.integration.broker import Line, jars

from benchmarks import broker

_PACKAGES = ("aiokafka", "numpy", "pydantic", "scikit-learn", "uvloop", "confluent-kafka")
_HERE = Path(__file__).parent


def describe() -> dict[str, object]:
    """Return processor, memory, operating system and versions, but nothing that identifies the machine."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
        "python": platform.python_version(),
        "java": _java(),
        "kafka": kafka(broker.LINE),
        "kafka-streams": _version((_HERE / "kafka_streams" / "pom.xml").read_text(encoding="utf-8"), "kafka-streams"),
        **{package: metadata.version(package) for package in _PACKAGES},
        **_locked("quixstreams", "kafka-python"),
    }


def kafka(line: Line) -> str:
    """Return the version of Kafka that the line's brokers run."""
    return _version(jars.pom(line).read_text(encoding="utf-8"), "kafka_2.13")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _java() -> str:
    answer = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True).stderr
    found = re.search(r'version "([^"]+)"', answer)
    return found.group(1) if found else "unknown"


def _version(pom: str, artifact: str) -> str:
    found = re.search(rf"<artifactId>{re.escape(artifact)}</artifactId><version>([^<]+)<", pom)
    return found.group(1) if found else "unknown"


def _locked(*packages: str) -> dict[str, str]:
    lines = (_HERE / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split(" ")[0].split("==") for line in lines if "==" in line)
    return {package: pins[package] for package in packages}
