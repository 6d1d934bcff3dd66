"""The settings of a run."""

from pathlib import Path
from typing import Literal, Self, get_args

from pydantic import Field, model_validator

from fraudstream.runtime.environment import Settings

Section = Literal[
    "throughput", "latency", "companions", "metrics", "swaps", "replicas", "memory", "dashboard", "archive", "kafka4"
]
SECTIONS: tuple[Section, ...] = get_args(Section)

_PAYMENTS = 500_000
_DASHBOARD_S = 300.0


class BenchSettings(Settings):
    """The size of a run and its sections; `keep`: sections that are not measured keep their previous figures."""

    payments: int = Field(_PAYMENTS, alias="BENCH_PAYMENTS", ge=50_000, le=5_000_000)
    repeats: int = Field(5, alias="BENCH_REPEATS", ge=1, le=50)
    latency_repeats: int = Field(3, alias="BENCH_LATENCY_REPEATS", ge=1, le=50)
    latency_s: float = Field(20.0, alias="BENCH_LATENCY_S", ge=2, le=600)
    dashboard_s: float = Field(_DASHBOARD_S, alias="BENCH_DASHBOARD_S", ge=5, le=600)
    only: str = Field(",".join(SECTIONS), alias="BENCH_ONLY")
    keep: bool = Field(default=False, alias="BENCH_KEEP")
    folder: Path | None = Field(None, alias="BENCH_FOLDER")

    @model_validator(mode="after")
    def _known(self) -> Self:
        unknown = {name.strip() for name in self.only.split(",")} - set(SECTIONS)
        if unknown:
            raise ValueError(
                f"BENCH_ONLY: no such section: {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}"
            )
        return self

    @property
    def sections(self) -> list[Section]:
        """The sections to run, in their order."""
        wanted = {name.strip() for name in self.only.split(",")}
        return [section for section in SECTIONS if section in wanted]

    @property
    def is_whole(self) -> bool:
        """Whether the figures may be committed: at full size, with all sections or with the others kept."""
        full = self.payments >= _PAYMENTS and self.dashboard_s >= _DASHBOARD_S
        return full and (self.keep or self.sections == list(SECTIONS))

    @property
    def results_folder(self) -> Path:
        """The folder for the figures; those of a partial run do not replace those of a complete one."""
        return self.folder or Path("benchmarks" if self.is_whole else ".cache/benchmarks")
