"""`fraudstream score` with the schema of the example."""

from pathlib import Path

import pytest
from tests.any_schema import CARDS, ROOT
from tests.integration.trained import save_model_of
from tests.table_files import table_rows
from tests.unit.test_offline import refused, score, written

from fraudstream.scored_payment import ScoredFormat
from fraudstream.secret_tokens import is_token

CARDS_FOLDER = ROOT / "examples/cards"


@pytest.fixture(scope="module")
def cards_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide a folder with a model of the example's history."""
    folder = tmp_path_factory.mktemp("cards")
    save_model_of(folder, CARDS, CARDS_FOLDER / "history.csv", 1.0)
    return folder


@pytest.fixture
def cards_env(tmp_path: Path, cards_model: Path) -> dict[str, str]:
    """Provide the settings for the example."""
    return {
        "MODELS_DIR": str(cards_model),
        "CSV_PATH": str(tmp_path / "live.csv"),
        "PAYMENT_SCHEMA": str(CARDS_FOLDER / "payment.toml"),
        "SECRETS_KEY": "k" * 32,
    }


def test_a_file_of_another_schema(
    tmp_path: Path, cards_env: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Its columns are those of the schema; secret values are tokens, and are in no output or log."""
    content = (CARDS_FOLDER / "history.csv").read_bytes().splitlines(keepends=True)[:200]
    file = written(tmp_path / "mine.csv", b"".join([*content, content[7].replace(b"@example.com", b"\0")]))
    assert score(cards_env, file) == 0
    logged = capsys.readouterr().out
    assert "file scored" in logged
    out, rejected = tmp_path / "mine.scored.csv", tmp_path / "mine.scored.rejected.csv"
    rows = table_rows(out)
    assert len(rows) == 199
    assert ",".join(rows[0]).encode() + b"\n" == ScoredFormat(CARDS).layout.header_line
    names = content[0].decode().strip().split(",")
    sent = [dict(zip(names, line.decode().strip().split(","), strict=True)) for line in content[1:]]
    for row, before in zip(rows, sent, strict=True):
        assert row["transaction_id"] == before["transaction_id"]
        assert row["merchant_category"] == before["merchant.category"]
        assert row["distance_km"] == before["distance_km"]
        assert is_token(row["customer_email"])
        assert is_token(row["device_ip"])
    secrets = {one[name] for one in sent for name in ("customer.email", "device.ip")}
    outputs = out.read_text() + rejected.read_text() + logged
    assert [secret for secret in secrets if secret in outputs] == []
    assert "NUL byte" in rejected.read_text()


def test_json_lines_of_another_schema(tmp_path: Path, cards_env: dict[str, str]) -> None:
    """The example's messages: 17 are scored, and three rejected with the reasons that the scorer would give."""
    out = tmp_path / "out.csv"
    assert score(cards_env, CARDS_FOLDER / "messages.jsonl", out=out) == 0
    assert len(table_rows(out)) == 17
    found = [(row["line"], row["reason"]) for row in table_rows(tmp_path / "out.rejected.csv")]
    assert found == [("5", "invalid_field"), ("11", "missing_field"), ("18", "invalid_json")]


def test_without_a_key_for_secrets(tmp_path: Path, cards_env: dict[str, str]) -> None:
    """The error names the setting; nothing is written."""
    file = written(tmp_path / "mine.csv", (CARDS_FOLDER / "history.csv").read_bytes())
    assert "SECRETS_KEY" in refused({name: value for name, value in cards_env.items() if name != "SECRETS_KEY"}, file)
