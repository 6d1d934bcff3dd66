"""CPU time and memory of a process, as reported by Linux."""

import os
import time
from pathlib import Path

from benchmarks.progress import Sample

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_KB_PER_MB = 1024


def cpu_s(pid: int) -> float:
    """Return the CPU seconds used since its start by all threads, user and system."""
    after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / _TICKS_PER_S


def resident_mb(pid: int) -> float:
    """Return the current resident memory."""
    return _status_mb(pid, "VmRSS")


def peak_resident_mb(pid: int) -> float:
    """Return the maximum resident memory since its start."""
    return _status_mb(pid, "VmHWM")


def sample(pid: int, total: int, broker_pid: int | None = None) -> Sample:
    """Sample now, with the output's size `total`; without `broker_pid`, no CPU time of the broker."""
    broker_cpu_s = 0.0 if broker_pid is None else cpu_s(broker_pid)
    return Sample(time.perf_counter(), total, cpu_s(pid), resident_mb(pid), broker_cpu_s)


def _status_mb(pid: int, field: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) / _KB_PER_MB
    raise ProcessLookupError(f"process {pid} has ended")
