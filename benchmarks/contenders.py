"""The programs that are compared, and how each is started."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from benchmarks import frameworks, models

_ROOT = Path(__file__).parents[1]
_PROGRAMS = Path(__file__).with_name("programs")
_JVM = ("-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
SLOW_S = 16
"""Seconds for which slow contenders are measured; several of quixstreams' commits, one every 5 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A program, its environment variables beyond the scorer's, and its measured output."""

    name: str
    command: Sequence[str]
    variables: Mapping[str, str]
    writes: Literal["topic", "topic and csv", "csv"]
    most_s: float | None = None
    """A slow one is stopped that long after its first output, when its rate is known. None: no limit."""
    scraped: bool = False
    """Whether its metrics are scraped meanwhile."""


def all_of_them(models_folders: Mapping[str, Path]) -> dict[str, Contender]:
    """Return the contenders by name."""
    python, classpath = str(frameworks.python()), frameworks.streams_classpath()
    parameters = models.parameters(models_folders["logistic"])
    found = [
        *(_scorer(f"scorer_{model}", folder) for model, folder in models_folders.items()),
        _scorer("scorer_default_at_least_once", models_folders["default"], PROCESSING_GUARANTEE="at_least_once"),
        *(_with_metrics(model, models_folders[model]) for model in ("default", "logistic")),
        *(_without_metrics(model, models_folders[model]) for model in ("default", "logistic")),
        _service("dashboard", DASHBOARD_PORT="0", METRICS_PORT="0"),
        _service("archiver", METRICS_PORT="0"),
        Contender(
            name="ceiling", command=[sys.executable, str(_PROGRAMS / "ceiling.py")], variables={}, writes="topic"
        ),
        _streams("kafka_streams", classpath, parameters, commit_ms=100),
        _streams("kafka_streams_10ms", classpath, parameters, commit_ms=10),
        *(_slow(python, "quixstreams", model, models_folders[model]) for model in ("hgb", "logistic")),
        *(_slow(python, "plain_loop", model, models_folders[model]) for model in ("hgb", "logistic")),
    ]
    return {contender.name: contender for contender in found}


def _scorer(name: str, models_dir: Path, **variables: str) -> Contender:
    return Contender(
        name=name,
        command=[sys.executable, "-m", "scorer"],
        variables={"MODELS_DIR": str(models_dir), **variables},
        writes="topic and csv",
    )


def _with_metrics(model: str, models_dir: Path) -> Contender:
    return replace(_scorer(f"scorer_{model}_with_metrics", models_dir, METRICS_PORT="0"), scraped=True)


def _without_metrics(model: str, models_dir: Path) -> Contender:
    command = [sys.executable, str(_PROGRAMS / "without_metrics.py")]
    return replace(_scorer(f"scorer_{model}_without_metrics", models_dir), command=command)


def _service(name: str, **variables: str) -> Contender:
    return Contender(name=name, command=[sys.executable, "-m", name], variables=variables, writes="topic")


def _streams(name: str, classpath: str, parameters: Path, *, commit_ms: int) -> Contender:
    return Contender(
        name=name,
        command=["java", *_JVM, "-cp", classpath, "fraudstream.bench.Main"],
        variables={"MODEL_PARAMETERS": str(parameters), "COMMIT_INTERVAL_MS": str(commit_ms)},
        writes="topic",
    )


def _slow(python: str, kind: Literal["quixstreams", "plain_loop"], model: str, models_dir: Path) -> Contender:
    program = {"quixstreams": "quixstreams_scorer.py", "plain_loop": "plain_loop.py"}[kind]
    return Contender(
        name=f"{kind}_{model}",
        command=[python, str(_PROGRAMS / program)],
        variables={"MODELS_DIR": str(models_dir), "OMP_NUM_THREADS": "1"},
        writes="csv" if kind == "plain_loop" else "topic",
        most_s=SLOW_S,
    )
