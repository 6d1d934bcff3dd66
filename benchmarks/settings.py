"""What a run is told."""

from pathlib import Path
from typing import Literal, Self, get_args

from pydantic import Field, model_validator

from fraudstream.settings import Settings

Section = Literal["throughput", "latency", "companions", "metrics", "swaps", "replicas", "memory"]
SECTIONS: tuple[Section, ...] = get_args(Section)

_PAYMENTS = 500_000


class BenchSettings(Settings):
    """How large a run is and what it measures."""

    payments: int = Field(_PAYMENTS, alias="BENCH_PAYMENTS", ge=50_000, le=5_000_000)
    repeats: int = Field(5, alias="BENCH_REPEATS", ge=1, le=50)
    latency_repeats: int = Field(3, alias="BENCH_LATENCY_REPEATS", ge=1, le=50)
    latency_s: float = Field(20.0, alias="BENCH_LATENCY_S", ge=2, le=600)
    only: str = Field(",".join(SECTIONS), alias="BENCH_ONLY")
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
        """Which sections to run, in their order."""
        wanted = {name.strip() for name in self.only.split(",")}
        return [section for section in SECTIONS if section in wanted]

    @property
    def is_whole(self) -> bool:
        """Whether the figures may stand in the repository: everything, at full size."""
        return self.sections == list(SECTIONS) and self.payments >= _PAYMENTS

    @property
    def results_folder(self) -> Path:
        """Where the figures go; those of a partial run don't replace a whole one's."""
        return self.folder or Path("benchmarks" if self.is_whole else ".cache/benchmarks")
