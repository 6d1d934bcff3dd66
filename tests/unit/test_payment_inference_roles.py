"""Roles in an inferred payment.toml: secrets, id and label; its limits."""

import csv
import tracemalloc
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tests.unit.test_payment_inference import CARDS, HISTORY, infer, infer_field

from cli.schema.inference import Inference
from fraudstream.errors import SchemaError


@pytest.mark.parametrize(
    ("values", "is_secret"),
    [
        (CARDS, True),
        ([int(card) for card in CARDS], True),
        (["4111 1111 1111 1111", "5500-0055-5555-5559"], True),
        ([str(10**15 + 7 * number) for number in range(200)], False),
        (["ann@example.com", "none"], True),
        (["call ann@example.com", "none"], True),
        (["10.0.0.1", "10.0.0.2"], True),
        (["2001:db8::1", "::1"], True),
        (["10.0.0", "10.0.0.256", "12:30", "a:b"], False),
        (["@ann", "a@b"], False),
    ],
)
def test_secrets(values: Sequence[object], is_secret: bool) -> None:
    """Card numbers, e-mail and IP addresses are secret, in JSON as in cells."""
    assert infer_field(values).secret == is_secret
    assert infer_field([str(value) for value in values], is_cells=True).secret == is_secret


def test_the_id_is_never_secret() -> None:
    """An id that looks like a secret stays in the clear, which a comment explains."""
    inferred = infer([{"card_number": card} for card in CARDS])
    assert inferred.schema.id == "card_number"
    assert not inferred.schema.fields["card_number"].secret
    assert "# the id can't be secret, since it is in all outputs" in inferred.text


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        (
            [
                {"amount": 5, "customer_id": "a", "payment_id": "x"},
                {"amount": 6, "customer_id": "a", "payment_id": "y"},
            ],
            "payment_id",
        ),
        ([{"customerId": "a", "transactionId": "x"}, {"customerId": "b", "transactionId": "y"}], "transactionId"),
        ([{"amount": 5, "customer_id": 1}, {"amount": 6, "customer_id": 1}], "customer_id"),
        ([{"amount": 5, "name": "a"}, {"amount": 6, "name": "b"}], "name"),
        ([{"id": None, "ref": "a"}, {"id": "b", "ref": "b"}], "ref"),
    ],
)
def test_the_likely_id(rows: Sequence[Mapping[str, object]], name: str) -> None:
    """The id is named like one, is in every message, and does not repeat if there is another one that does not."""
    assert infer(rows).schema.id == name


def test_an_id_that_repeats() -> None:
    """A comment reports it, also if the value comes again much later."""
    rows = [{"id": f"a{number}", "x": 1} for number in range(20_000)]
    assert "# values repeat" not in infer(rows).text
    assert "# values repeat: choose another id, if payments have one\n[fields.id]" in infer([*rows, rows[7]]).text


@pytest.mark.parametrize("rows", [[{}], [{"x": 1.5}], [{"x": "a"}, {"x": "a"}], [{"id": [1]}], [{"is_fraud": 1}]])
def test_no_id(rows: Sequence[Mapping[str, object]]) -> None:
    """Rows without anything that can be an id have no schema."""
    with pytest.raises(SchemaError) as caught:
        infer(rows)
    assert str(caught.value) == (
        "mine.csv: no field can be the id: add a text or an integer to every message, such as payment_id, "
        "that is another one in each"
    )


@pytest.mark.parametrize(
    ("name", "values", "is_label"),
    [
        ("is_fraud", [0, 1], True),
        ("isFraud", [True, False], True),
        ("fraud", ["0", "1"], True),
        ("Class", [0, 0], True),
        ("chargeback", ["true", "false"], True),
        ("label", [1, None], True),
        ("label", ["a", "b"], False),
        ("label", [0, 2], False),
        ("fraud", [0.5, 0.25], False),
        ("fraud_score", [0, 1], False),
    ],
)
def test_the_label(name: str, values: Sequence[object], is_label: bool) -> None:
    """A label has the values 0 and 1 and the name of one; it is not a field, but the key label names it."""
    inferred = infer([{"id": f"a{number}", name: value} for number, value in enumerate(values)])
    assert inferred.label == ((name,) if is_label else None)
    assert (name in inferred.schema.fields) != is_label
    assert (f'\nlabel = "{name}"  # the outcome' in inferred.text) == is_label
    assert inferred.schema.label == ((name,) if is_label else ("is_fraud",))


def test_a_nested_label() -> None:
    """The key label has the path."""
    inferred = infer([{"id": "a", "outcome": {"is fraud": 0}}, {"id": "b", "outcome": {"is fraud": 1}}])
    assert inferred.schema.label == ("outcome", "is fraud")


@pytest.mark.parametrize("value", ["yes", 2, {"at": "b2"}])
def test_the_labels_name_with_other_values(value: object) -> None:
    """A field that would be taken for the label is left out, and listed; beside another label it gets another name."""
    rows: list[dict[str, object]] = [{"id": "a", "is_fraud": value}, {"id": "b", "is_fraud": value}]
    inferred = infer(rows)
    assert [*inferred.schema.fields] == ["id"]
    assert "# left out, named as the label, but with other values" in inferred.text
    beside = infer([row | {"chargeback": 1} for row in rows])
    assert beside.schema.label == ("chargeback",)
    (name,) = beside.schema.fields.keys() - {"id"}
    assert name != "is_fraud"
    assert beside.schema.fields[name].path[0] == "is_fraud"


@pytest.mark.parametrize("values", [["yes", "no"] * 5, [1, 2] * 5, [0.5, 0.25] * 5])
def test_an_outcome_in_another_notation_is_not_a_feature(values: Sequence[object]) -> None:
    """A field named as an outcome is known too late, whatever its values are."""
    inferred = infer([{"id": f"a{number}", "fraud": value} for number, value in enumerate(values)])
    assert inferred.schema.fields["fraud"].feature is None
    assert "# may be a result of the investigation" in inferred.text


def test_a_second_label_is_not_a_feature() -> None:
    """A chargeback beside the label is known as late as the label."""
    inferred = infer([{"id": "a", "chargeback": 0, "is_fraud": 0}, {"id": "b", "chargeback": 1, "is_fraud": 1}])
    assert inferred.label == ("is_fraud",)
    assert inferred.schema.fields["chargeback"].feature is None


def test_many_fields() -> None:
    """The most frequent 200 fields are declared; thousands of names do not take more memory."""
    row: dict[str, object] = {f"f{number}": number for number in range(250)}
    rows = [{**row, "id": "a"}, {"id": "b", "f249": 1}]
    inferred = infer(rows)
    assert len(inferred.schema.fields) == 200
    assert {"id", "f249"} <= set(inferred.schema.fields)
    assert "# left out, above the 200 that a schema may have: 51 fields\n" in inferred.text
    text = infer([{"id": f"a{number}", f"n{number}": {"a": 1}} for number in range(10_000)]).text
    assert "# left out, since messages have thousands of names: those that occur first after the others\n" in text


def test_deep_and_long_names() -> None:
    """Objects that are nested without end, and names without end, are left out."""
    deep: Any = 1
    for _ in range(100):
        deep = {"a": deep}
    text = infer([{"id": "a", "deep": deep, "x" * 1_000: 1}]).text
    assert "# left out, with names of hundreds of characters: 1 field\n" in text
    assert "values of several types, or of types that no field has" in text


def test_memory_is_bounded() -> None:
    """Different values in every row take no more memory after more rows."""
    inference = Inference(is_cells=True)
    peaks = []
    tracemalloc.start()
    for number in range(40_000):
        inference.add({"id": f"id-{number}", "x": f"{number}.5", "text": f"text number {number}"})
        if number in {19_999, 39_999}:
            peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    assert peaks[1] < 1.05 * peaks[0]


def test_the_history_with_an_id() -> None:
    """The committed history gives the default schema, except for the limits of its own and a flag's type."""
    with HISTORY.open(encoding="utf-8") as file:
        rows = [{"payment_id": str(number), **row} for number, row in enumerate(csv.DictReader(file), start=1)]
    inferred = infer(rows[:2_000], is_cells=True)
    assert inferred.label == ("is_fraud",)
    assert (inferred.schema.id, inferred.schema.amount) == ("payment_id", "amount")
    assert {name: one.type for name, one in inferred.schema.fields.items()} == {
        "payment_id": "integer",
        "amount": "number",
        "country_risk_score": "number",
        "failed_logins": "integer",
        "transaction_hour": "integer",
        "is_new_device": "boolean",
    }
