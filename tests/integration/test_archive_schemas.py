"""Archives in SQLite and Postgres follow any schema; without Kafka."""

import json
from math import exp
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from archiver.database import Database
from cli.erase import archive
from cli.erase.wanted import ScoredPlace, Wanted
from fraudstream.payment_schema import parse
from tests import archives
from tests.archives import CARDS, DEFAULT, NOW, opened, plan, query, scored_value, write
from tests.conftest import Names
from tests.fuzz import examples
from tests.integration.postgres import Postgres

FOUND = "SELECT id, amount, fields, source_offset, reasons, decision, challenger_version FROM scored_payments"


def as_json(value: Any) -> Any:
    """Return a document that Postgres returns as an object and SQLite as text."""
    return json.loads(value) if isinstance(value, str) else value


CLEAN = {"amount": 1.5, "country_risk_score": 0.5, "failed_logins": 0, "transaction_hour": 5, "is_new_device": 0}


INDEXED: dict[str, Any] = {
    "card_token": "'tok'",
    "country": "'DE'",
    "logins": "5",
    "risk": "0.5",
    "is_new": {"sqlite": "1", "postgresql": "true"},
    "created_at": "'2026-09-21T14:00:00.000Z'",
}
CARD = {
    "transaction_id": "a-1",
    "amount": 3.5,
    "card": {"token": "tok"},
    "country": "DE",
    "note": "n",
    "logins": 5,
    "risk": 0.5,
    "is_new": True,
    "created_at": "2026-09-21T16:00:00+02:00",
}


def test_the_view_finds_payments_by_its_indexes(database_url: str) -> None:
    """A query of the view by an indexed field uses its index, and finds the payment; so does one by id."""
    others = [scored_value({"transaction_id": f"b-{number}"}, offset=100 + number) for number in range(50)]
    with opened(database_url, CARDS) as database:
        write(database, CARDS, [scored_value(CARD), *others])
        for column, values in {**INDEXED, "transaction_id": "'a-1'"}.items():
            value = values if isinstance(values, str) else values[database_url.partition(":")[0]]
            where = f"SELECT transaction_id FROM payments WHERE {column} = {value}"  # noqa: S608 - a test
            assert query(database, where) == [("a-1",)], column
            assert "scored_payments_" in plan(database, where), (column, plan(database, where))
        ranges = "SELECT transaction_id FROM payments WHERE logins > 4 AND created_at < '2027'"
        assert query(database, f"{ranges} ORDER BY timestamp DESC LIMIT 20") == [("a-1",)]


def test_another_schema_needs_no_migration(database_url: str) -> None:
    """View and indexes follow each schema, the rows of the previous ones stay, and a start without a change is none."""
    with opened(database_url, DEFAULT) as database:
        write(database, DEFAULT, [scored_value({**CLEAN, "payment_id": 7}, offset=1)])
        assert _indexes(database) == set()
    with opened(database_url, CARDS) as database:
        write(database, CARDS, [scored_value(CARD, offset=2)])
        assert {name.rsplit("_", 1)[0] for name in _indexes(database)} == {
            f"scored_payments_{name}" for name in (*INDEXED, "note")
        }
        found = "SELECT transaction_id, amount, logins FROM payments ORDER BY source_offset"
        assert query(database, found) == [("7", 1.5, None), ("a-1", 3.5, 5)]
        before = query(database, "SELECT * FROM archive_definitions ORDER BY name")
    text_logins = parse(
        'id = "transaction_id"\n[fields.transaction_id]\ntype = "text"\n'
        '[fields.logins]\ntype = "text"\nrequired = false\nindex = true',
        "x.toml",
    )
    with opened(database_url, text_logins) as database:
        write(database, text_logins, [scored_value({"transaction_id": "c", "logins": "many"}, offset=3)])
        logins = [value and str(value) for (value,) in query(database, "SELECT logins FROM payments ORDER BY 1")]
        assert set(logins) == {None, "5", "many"}
        assert len(_indexes(database)) == 1
        assert query(database, "SELECT SUM(amount) FROM scored_payments WHERE id = 'c'") == [(None,)]
    with opened(database_url, CARDS) as database:  # the text is in rows of a field that is a number now
        assert query(database, "SELECT * FROM archive_definitions ORDER BY name") == before
        assert len(query(database, "SELECT * FROM payments")) == 3


def _indexes(database: Database) -> set[str]:
    found = query(database, "SELECT name FROM archive_definitions WHERE name <> 'payments'")
    return {name for (name,) in found}


def test_a_view_on_the_view_does_not_stop_the_archiver(names: Names, postgres: Postgres) -> None:
    """In Postgres, a view of others on `payments` keeps it as it was; rows are archived, and the next start retries."""
    database_url = postgres.database(names("archive"))
    with opened(database_url, DEFAULT) as database, database.transaction():
        pass
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE VIEW mine AS SELECT payment_id FROM payments")
    with opened(database_url, CARDS) as database:
        assert write(database, CARDS, [scored_value(CARD)]) == 1
        assert query(database, "SELECT payment_id FROM mine") == [("a-1",)]
        assert len(_indexes(database)) == 7
        with database.transaction() as connection:
            connection.exec_driver_sql("DROP VIEW mine")
    with opened(database_url, CARDS) as database:
        assert query(database, "SELECT transaction_id, country FROM payments") == [("a-1", "DE")]


TEXTS = st.text(st.characters(codec="utf-8", categories=None), max_size=40) | st.sampled_from(
    ["\x00", "a\x00b", "\u2028", "'\"\\", "\U0001f4b3" * 4_096, "x" * 9_000, "\\u0000", "%s :name {}", "-1e999"]
)
NUMBERS = st.integers(-(2**63) + 1, 2**63 - 1) | st.sampled_from([0, 2**63 - 1, -(2**63) + 1])
NO_TIMES = ("0001-01-01T00:00:00+00:00", -1)
PAYMENTS = st.fixed_dictionaries(
    {"transaction_id": TEXTS},
    optional={
        "amount": st.floats(allow_nan=False, allow_infinity=False) | NUMBERS,
        "card": st.fixed_dictionaries({"token": TEXTS}),
        "country": TEXTS,
        "note": TEXTS,
        "logins": NUMBERS,
        "risk": st.floats(allow_nan=False, allow_infinity=False),
        "is_new": st.booleans(),
        "created_at": st.integers(0, 253_402_300_799_999) | st.sampled_from(["1900-01-01T00:00:00+00:00", *NO_TIMES]),
    },
)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(payments=st.lists(PAYMENTS, max_size=8))
@example(payments=[{"transaction_id": "\x00" * 5_000, "note": "\x00" * 4_096, "country": "\u00e9" * 4_096}])
@example(payments=[{"transaction_id": "1", "risk": 5e-324, "amount": -1.7976931348623157e308, "logins": 2**63 - 1}])
def test_any_payment_is_stored(database_url: str, payments: list[dict[str, Any]]) -> None:
    """Any valid payment is a row, whatever its texts and numbers are: numbers exactly, texts but for NUL and length."""
    values = [scored_value(payment, offset=number) for number, payment in enumerate(payments)]
    with opened(database_url, CARDS) as database:
        with database.transaction() as connection:
            connection.exec_driver_sql("DELETE FROM scored_payments")
        rows = archives.scored_rows(CARDS, values)
        assert write(database, CARDS, values) == len(rows)
        found = {offset: (id_, as_json(document)) for id_, _, document, offset, *_ in query(database, FOUND)}
        assert len(query(database, "SELECT * FROM payments")) == len(rows)
    for number, payment in enumerate(payments):
        if number not in found:
            assert payment.get("created_at") in NO_TIMES
            continue
        id_, fields = found[number]
        assert id_ == fields["transaction_id"] == _stored(payment["transaction_id"])
        for name in ("logins", "is_new"):
            assert fields.get(name) == payment.get(name), name
        for name in ("amount", "risk"):
            # jsonb writes all digits of 1e308, which parse as an integer
            assert name not in payment or float(fields[name]) == float(payment[name]), name
        for name in ("country", "note"):
            assert fields.get(name) == (None if name not in payment else _stored(payment[name])), name


def _stored(value: str) -> str:
    return value[:4_096].replace("\x00", "\\x00")


def test_names_that_databases_confuse(database_url: str) -> None:
    """Names that differ by case, or after 63 characters, and names of the archive's own columns are columns each."""
    long = "a" * 63
    columns = [f"{long}b", f"{long}c", "Amount", "amount", "id", "fields", "PAID_AT", "Decision", "select", "ID"]
    schema = parse(
        'id = "id"\n'
        + "\n".join(
            f'[fields.{name}]\ntype = "integer"\nindex = true\nrequired = {"true" if name == "id" else "false"}'
            for name in columns
        ),
        "x.toml",
    )
    with opened(database_url, schema) as database:
        payment = {name: number for number, name in enumerate(columns)}
        assert write(database, schema, [scored_value(payment)]) == 1
        (row,) = query(database, "SELECT * FROM payments")
        assert [str(value) for value in row[1 : 1 + len(columns)]] == [str(number) for number in range(len(columns))]
        assert len(_indexes(database)) == len(columns) - 1
        assert row[0] is not None
        assert str(row[-2:]) == "(3, 9)"
        assert NOW[:10] in str(row[-5])


def test_payments_of_any_id_are_erased(database_url: str) -> None:
    """Payments and letters are erased by text ids, whatever characters they have; all others remain."""
    ids = ["a'b", "\u00e9", "a\x00b", "%s", "007", "x" * 4_096]
    wanted = Wanted(id_field=CARDS.fields[CARDS.id], payment_ids=frozenset(["47/11"]))
    letters = [
        b'{"transaction_id":"47/11',
        b'{"transaction\\u005fid": "47\\/\\u00311"}',
        b'{"transaction_id":"47/110"}',
        b"\xff",
    ]
    with opened(database_url, CARDS) as database:
        values = [
            scored_value({"transaction_id": one}, offset=number) for number, one in enumerate([*ids, "47/11", "7"])
        ]
        write(database, CARDS, values)
        rows = [
            ("t", 0, number, 0, "d", 0, number, "empty", "", None, one, 9, "[]", NOW)
            for number, one in enumerate(letters)
        ]
        with database.transaction() as connection:
            database.insert_new(connection, "dead_letters", rows)
        places = [ScoredPlace(3, number, one) for number, one in enumerate(ids)]
        keys = archive.find(database, wanted, archives.TOPICS.input, places, [])
        assert archive.erase(database, keys) == {"scored_payments": 7, "dead_letters": 2}
        assert query(database, "SELECT id FROM scored_payments") == [("7",)]
        assert query(database, "SELECT source_offset FROM dead_letters ORDER BY 1") == [(2,), (3,)]


def cheapest(probability: float, amount: float) -> str:
    """Return the decision with the lowest expected cost, at the default costs."""
    costs = {"approve": probability * (amount + 15), "review": 5.0}
    if probability >= 0.5:
        costs["block"] = 25 * (1 - probability)
    return min(costs, key=lambda decision: costs[decision])


def test_the_agreement_of_models_that_decide_by_cost(database_url: str) -> None:
    """The rate of agreement is close to the true one, although the thresholds depend on each payment's amount."""
    rng = Random(1)
    values, agreed = [], 0
    for number in range(4_000):
        amount, logit = rng.lognormvariate(3.8, 1.0), rng.gauss(-4, 2)
        ours, theirs = (1 / (1 + exp(-one)) for one in (logit, logit + rng.gauss(0, 0.5)))
        decision = cheapest(ours, amount)
        agreed += decision == cheapest(theirs, amount)
        own = {"fraud_probability": ours, "decision": decision, "challenger_probability": theirs}
        payment = {"transaction_id": str(number), "amount": amount}
        values.append(scored_value(payment, offset=number, **own, challenger_version="next"))
    with opened(database_url, CARDS) as database:
        write(database, CARDS, values)
        write(database, CARDS, [scored_value({"transaction_id": "none"}, offset=9_999)])
        found = query(database, "SELECT payments, agreement FROM model_comparison ORDER BY payments")
    (alone, (payments, agreement)) = found
    assert alone == (1, None)
    assert payments == len(values)
    assert 0.9 < agreed / payments < 0.97
    assert float(agreement) == pytest.approx(agreed / payments, abs=0.02)


@pytest.mark.parametrize("kind", ["TABLE payments (x TEXT)", "VIEW payments AS SELECT 'mine' AS x"])
def test_a_table_or_view_of_others_is_not_replaced(database_url: str, kind: str) -> None:
    """Another table or view named `payments` stays, and payments are archived; once it is gone, the view is created."""
    with opened(database_url) as database, database.transaction() as connection:
        connection.exec_driver_sql(f"CREATE {kind}")
    for _ in range(2):
        with opened(database_url, CARDS) as database:
            write(database, CARDS, [scored_value(CARD)])
            assert len(query(database, "SELECT x FROM payments")) == kind.startswith("VIEW")
            assert len(_indexes(database)) == 7
    with opened(database_url, CARDS) as database, database.transaction() as connection:
        connection.exec_driver_sql(f"DROP {kind.partition(' ')[0]} payments")
    with opened(database_url, CARDS) as database:
        assert query(database, "SELECT transaction_id FROM payments") == [("a-1",)]
