"""From a file of one's own to the first score, with the commands of examples/cards/README.md but for Docker."""

import csv
from pathlib import Path

import numpy as np
import pytest

from cli.__main__ import main as fraudstream
from tests.any_schema import ROOT
from trainer import train
from trainer.__main__ import main as trainer

CARDS = ROOT / "examples/cards"
SECRETS = ("customer.email", "device.ip")


def table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("edited", [False, True], ids=["inferred", "edited"])
def test_from_a_file_to_the_first_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], edited: bool
) -> None:
    """The schema is inferred or the example's; frauds score higher; no secret value is in an output or log."""
    monkeypatch.setattr(train, "_report", lambda *_: None)
    schema, out = tmp_path / "payment.toml", tmp_path / "scored.csv"
    assert fraudstream(["schema", "infer", str(CARDS / "history.csv"), "--out", str(schema)]) == 0
    env = {
        "PAYMENT_SCHEMA": str(CARDS / "payment.toml" if edited else schema),
        "TRAINING_DATA": str(CARDS / "history.csv"),
        "MODELS_DIR": str(tmp_path / "models"),
        "SECRETS_KEY": "k" * 32,
    }
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert fraudstream(["schema", "check", str(CARDS / "history.csv")]) == 0
    assert trainer([], env) == 0
    assert fraudstream(["score", str(CARDS / "history.csv"), "--out", str(out)]) == 0
    history, scored = table(CARDS / "history.csv"), table(out)
    assert [row["transaction_id"] for row in scored] == [row["transaction_id"] for row in history]
    probabilities = np.array([float(row["fraud_probability"]) for row in scored])
    is_fraud = np.array([row["is_fraud"] == "1" for row in history])
    assert probabilities[is_fraud].mean() > 0.8
    assert probabilities[~is_fraud].mean() < 0.02
    texts = [path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()]
    outputs = "".join([*texts, *capsys.readouterr()])
    assert [row[name] for row in history for name in SECRETS if row[name] in outputs] == []
