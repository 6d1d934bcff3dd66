"""`python -m trainer.make_data`: generate the sample history, with the same bytes each time."""

import hashlib
import os
from pathlib import Path

import numpy as np

from fraudstream.payment_files.rows import LABEL
from fraudstream.runtime import terminal
from fraudstream.runtime.regular_files import replace_regular
from fraudstream.runtime.settings import TrainingSettings
from fraudstream.simulation import FIELDS, labels, simulate

ROWS = 20_000
_MODE = 0o644
SEED = 20_000


def write(path: Path, *, rows: int = ROWS, seed: int = SEED) -> None:
    """Write a simulated history of `rows` payments with their outcomes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_regular(path, content(rows=rows, seed=seed), _MODE)


def sha256() -> str:
    """Return the hash that identifies the sample history, whose true probabilities are known."""
    return hashlib.sha256(content(rows=ROWS, seed=SEED)).hexdigest()


def content(*, rows: int, seed: int) -> bytes:
    """Return the bytes of the CSV file."""
    rng = np.random.default_rng(seed)
    payments = simulate(rng, rows)
    columns = [getattr(payments, name).tolist() for name in FIELDS]
    outcomes = labels(rng, payments.matrix()).tolist()
    lines = [",".join((*FIELDS, LABEL)), *(",".join(map(repr, row)) for row in zip(*columns, outcomes, strict=True))]
    return "\n".join([*lines, ""]).encode()


if __name__ == "__main__":
    target = TrainingSettings.from_env(os.environ).data
    write(target)
    terminal.write(f"{target}: {ROWS:,} payments\n")
