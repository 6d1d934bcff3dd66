"""Payments of the example examples/cards through all services: no code is changed, and no secret leaves."""

import json
import re
from contextlib import suppress
from pathlib import Path

import pytest

from fraudstream.csv_file.layout import Layout
from fraudstream.payment_schema import PaymentSchema
from fraudstream.runtime.schema_file import read_schema
from tests.integration import tools
from tests.integration.archive import Archive
from tests.integration.dashboard import Dashboard, snapshot
from tests.integration.scorer import Message, Surroundings
from tests.integration.trained import save_model_of
from tests.oracle import assert_each_once, committed_records, csv_rows

CARDS = Path(__file__).parents[2] / "examples/cards"
KEY = "0123456789abcdef" * 2
MESSAGES = (CARDS / "messages.jsonl").read_bytes().splitlines()
SCORED, DEAD = 17, 3
"""Three of the messages have an error (make_history.py)."""
HEADERS = [("traceparent", b"00-1"), ("who", b"c395@example.com")]


@pytest.fixture
def cards(surroundings: Surroundings) -> Surroundings:
    """Provide surroundings of card payments, with their model."""
    surroundings.settings |= {
        "PAYMENT_SCHEMA": str(CARDS / "payment.toml"),
        "SECRETS_KEY": KEY,
        "AUTO_OFFSET_RESET": "earliest",
    }
    save_model_of(surroundings.folder / "models", schema(), CARDS / "history.csv", 1.0)
    return surroundings


def schema() -> PaymentSchema:
    """Return the example's schema."""
    return read_schema(CARDS / "payment.toml")


def clear_values() -> set[str]:
    """Return the secret values of all messages."""
    found = set(re.findall(r"[\w.]+@example\.com|\d+\.\d+\.\d+\.\d+", b" ".join(MESSAGES).decode()))
    assert len(found) > SCORED
    return found


def _is_json(line: bytes) -> bool:
    with suppress(ValueError):
        return bool(json.loads(line))
    return False


def test_card_payments_from_topic_to_page(cards: Surroundings) -> None:
    """Each message is scored or a dead letter, once; CSV, record, archive and page have the declared fields."""
    cards.send(
        [Message(line, key=b"c395@example.com", partition=n % 4, headers=HEADERS) for n, line in enumerate(MESSAGES)]
    )
    archive = Archive(cards, "sqlite:///outputs/payments.db")
    with cards.ready_scorer() as scorer, archive.archiver() as archiver, Dashboard(cards) as page:
        cards.wait_until_drained()
        archiver.wait_until(lambda: archive.count() == SCORED, 60, "archived")
        page.service.wait_until(lambda: len(snapshot(page.url)["dead_letters"]) == DEAD, 60, "on the page")
        shown = snapshot(page.url)
        scorer.stop()
        archiver.stop()
        pages = json.dumps(shown) + page.service.output
    layout = Layout.of(schema())
    assert assert_each_once(cards.csv, cards.bootstrap, cards.settings, id_name=layout.id_column) == SCORED + DEAD
    rows = [row for found in csv_rows(cards.csv).values() for row in found]
    assert len(rows) == SCORED
    assert tuple(rows[0]) == layout.columns
    sent = {one["transaction_id"]: one for one in map(json.loads, filter(_is_json, MESSAGES))}
    for row in rows:
        assert row["merchant_category"] == sent[row["transaction_id"]]["merchant"]["category"]
        assert re.fullmatch(r"[0-9a-f]{8}\.[\w-]{24}", row["customer_email"])
    ((fields,),) = archive.query(f"SELECT fields FROM scored_payments WHERE id = '{rows[0]['transaction_id']}'")  # noqa: S608 - a test's own id
    assert json.loads(fields)["customer_email"] == rows[0]["customer_email"]
    records = committed_records(cards.bootstrap, cards.settings["SCORED_TOPIC"])
    assert {record.headers for record in records} <= {(), (("traceparent", b"00-1"),)}
    tools.assert_well(cards)
    outputs = {
        "CSV": cards.csv.read_text(),
        "scored records": repr([(record.key, record.value, record.headers) for record in records]),
        "archive": repr(archive.query("SELECT * FROM scored_payments") + archive.query("SELECT * FROM dead_letters")),
        "files": "".join(
            file.read_bytes().decode(errors="replace") for file in cards.folder.rglob("*") if file.is_file()
        ),
        "page": pages,
        "dead letters listed": tools.succeed(cards, "dlq", "list"),
    }
    for name, output in outputs.items():
        assert [value for value in clear_values() if value in output] == [], name


def test_a_scorer_without_the_key(cards: Surroundings) -> None:
    """It ends at its start, and names the setting and the fields."""
    with cards.scorer(SECRETS_KEY="") as scorer:
        reason = scorer.wait_for_failure()
    assert "SECRETS_KEY" in reason
    assert "customer_email, device_ip" in reason


def test_a_model_of_other_features(cards: Surroundings) -> None:
    """A scorer refuses a model of another schema, with both lists of features and the remedy."""
    with cards.scorer(PAYMENT_SCHEMA="") as scorer:
        reason = scorer.wait_for_failure()
    assert "merchant_category (category)" in reason
    assert "failed_logins (integer, scale count, rising risk)" in reason
    assert "train" in reason


def test_a_schema_with_an_error(cards: Surroundings) -> None:
    """Each service ends at its start with file, line and key."""
    file = cards.folder / "wrong.toml"
    file.write_text((CARDS / "payment.toml").read_text().replace('type = "category"', 'type = "kategory"', 1))
    for module in ("scorer", "producer", "archiver", "dashboard", "trainer"):
        with cards.service(module, PAYMENT_SCHEMA=str(file)) as service:
            reason = service.wait_for_failure()
        assert re.search(r"wrong\.toml, line \d+, fields\.currency\.type", reason), reason
