"""The example examples/cards: its files belong together, and each message has the expected outcome."""

import csv
import json
import random
from itertools import islice
from pathlib import Path

import pytest
from examples.cards.make_history import AMOUNT_IN_QUOTES, CUT_OFF, ROWS, WITHOUT_CARD, payments, write

from cli.schema.inference import Inference, Inferred
from fraudstream.payment import InvalidPayment, decode_each
from fraudstream.payment_schema import parse
from fraudstream.payment_values import PaymentValues

FOLDER = Path(__file__).parents[2] / "examples/cards"
SCHEMA = parse((FOLDER / "payment.toml").read_text(encoding="utf-8"), "payment.toml")


@pytest.fixture(scope="module")
def inferred() -> Inferred:
    """Return the schema inferred from the history."""
    inference = Inference(is_cells=True)
    with (FOLDER / "history.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            inference.add(row)
    return inference.infer("examples/cards/history.csv")


def test_the_files_are_those_of_the_script(tmp_path: Path) -> None:
    """The committed history and messages are generated, and small."""
    write(tmp_path)
    for name in ("history.csv", "messages.jsonl"):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()
    assert (FOLDER / "history.csv").stat().st_size < 1_000_000


def test_the_schema() -> None:
    """The example has 28 fields of all types, nested ones, optional ones and secrets."""
    fields = SCHEMA.fields.values()
    assert len(fields) == 28
    assert {one.type for one in fields} == {"integer", "number", "boolean", "text", "category", "time"}
    assert sum(len(one.path) > 1 for one in fields) == 19
    assert [one.name for one in fields if not one.required] == ["device_system", "distance_km"]
    assert [one.name for one in fields if one.secret] == ["customer_email", "device_ip"]
    assert (SCHEMA.id, SCHEMA.amount, SCHEMA.time, SCHEMA.key) == (
        "transaction_id",
        "amount",
        "created_at",
        "card_token",
    )


def test_the_schema_is_the_inferred_one_edited(inferred: Inferred) -> None:
    """Names, types, paths, secrets and what is required are as inferred; edited lines have a comment."""
    assert inferred.label == ("is_fraud",)
    declared, found = SCHEMA.fields.values(), inferred.schema.fields.values()
    assert [(one.name, one.type, one.path, one.required, one.secret) for one in declared] == [
        (one.name, one.type, one.path, one.required, one.secret) for one in found
    ]
    as_inferred = set(inferred.text.splitlines())
    lines = (FOLDER / "payment.toml").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line not in as_inferred and "edited" not in line] == []


def test_no_value_of_a_secret_is_in_the_inferred_text(inferred: Inferred) -> None:
    """The file that is committed and sent around contains no address."""
    with (FOLDER / "history.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for column in ("customer.email", "device.ip", "transaction_id", "card.token"):
        assert [row[column] for row in rows if row[column] in inferred.text] == []


def test_every_payment_of_the_history_is_valid(inferred: Inferred) -> None:
    """The cells of the history give a schema that accepts the messages with the same values."""
    values = [json.dumps(payment).encode() for payment, _ in islice(payments(random.Random(18)), ROWS)]
    for schema in (SCHEMA, inferred.schema):
        events = decode_each(values, PaymentValues(schema).adapter)
        assert [event for event in events if isinstance(event, InvalidPayment)] == []


def test_messages() -> None:
    """17 messages are valid; three have the errors that the script writes."""
    values = (FOLDER / "messages.jsonl").read_bytes().splitlines()
    reader = PaymentValues(SCHEMA)
    events = decode_each(values, reader.adapter)
    reasons = {
        number: event.reason for number, event in enumerate(events, start=1) if isinstance(event, InvalidPayment)
    }
    assert reasons == {AMOUNT_IN_QUOTES: "invalid_field", WITHOUT_CARD: "missing_field", CUT_OFF: "invalid_json"}
    valid = [reader.values(event) for event in events if not isinstance(event, InvalidPayment)]
    assert len(valid) == 17
    assert all([*payment] == [*SCHEMA.fields] for payment in valid)
    assert {name for payment in valid for name, value in payment.items() if value is None} == {
        "device_system",
        "distance_km",
    }
