"""Records of payments to erase, found in the three topics, with text ids inside objects and secret fields."""

import json

import pytest
from tests.scores import Record

from cli.csv.erased import ErasedPlace
from cli.erase.command import _keys
from cli.erase.search import Found, _Sorting
from cli.erase.wanted import ScoredPlace, Wanted
from fraudstream.csv_file.protocol import Identity
from fraudstream.dead_letter import Place, dead_letter_headers
from fraudstream.errors import SettingsError
from fraudstream.payment import InvalidPayment
from fraudstream.payment_schema import default_schema, parse
from fraudstream.runtime.settings import TopicSettings
from fraudstream.scored_payment import ScoredFormat
from fraudstream.secret_tokens import Tokens

SCHEMA = parse(
    'id = "number"\n[fields.number]\ntype = "text"\npath = "payment.uuid"\n'
    '[fields.pan]\ntype = "text"\nsecret = true\nrequired = false\n',
    "payment.toml",
)
TOPICS = TopicSettings.from_env({})
OURS = {
    "fraud_probability": 0.5,
    "decision": "review",
    "model_version": "v1",
    "reasons": [],
    "source_partition": 0,
    "scored_at": "2026-01-01T00:00:00.000Z",
}


def payment(uuid: str, **others: object) -> bytes:
    """Return the value of a message, or of a record with these members."""
    return json.dumps({"payment": {"uuid": uuid}, **others}).encode()


def sorting(*payment_ids: str, keys: frozenset[bytes] = frozenset()) -> _Sorting:
    """Return the collector of the payments with these ids or keys."""
    found = Found(identity=Identity(cluster="c", topic=TOPICS.input, group="g"))
    wanted = Wanted(id_field=SCHEMA.fields["number"], payment_ids=frozenset(payment_ids), keys=keys)
    return _Sorting(form=ScoredFormat(SCHEMA), wanted=wanted, topics=TOPICS, found=found)


def test_payments_by_a_text_id() -> None:
    """Scored records, payments not scored yet, and invalid messages are found in each way to write the id."""
    one = sorting("é/1")
    escaped = b'{"payment":{"uuid":"\\u00e9\\/1"}}'
    one.scored(
        0,
        [
            Record(payment("é/1", source_offset=3, **OURS), 0, 30),
            Record(payment("é/12", source_offset=4, **OURS), 1, 40),
            Record(b"\xff", 2),
        ],
    )
    one.inputs(
        0,
        [
            Record(payment("é/1"), 3, 30),
            Record(payment("é/12"), 4, 40),
            Record(escaped, 5, 50),
            Record(b'{"payment":{"uuid":"\xc3\xa9/1"', 6, 60),
            Record(b'{"customer":{"uuid":"\xc3\xa9/1"}}', 7, 70),
        ],
        committed=5,
    )
    found = one.found
    assert found.payments == {ScoredPlace(0, 3, "é/1"), ScoredPlace(0, 5, "é/1")}
    assert found.places == {ErasedPlace(0, 3, 30), ErasedPlace(0, 5, 50), ErasedPlace(0, 6, 60)}
    assert found.letters == {Place(TOPICS.input, 0, 6, 60)}
    assert (found.unscored, found.records) == (2, {TOPICS.scored: 1, TOPICS.input: 3})


def test_dead_letters_by_a_text_id_or_their_key() -> None:
    """A dead letter has the message as it was sent, its key included."""
    one = sorting("a", keys=frozenset([b"k"]))
    why = dead_letter_headers(Place(TOPICS.input, 0, 9, 0), InvalidPayment(reason="invalid_json", detail=""))
    one.letters(
        0,
        [
            Record(b'{"payment":{"uuid":"a"', 1, headers=[*why]),
            Record(b"x", 2, key=b"k", headers=[*why]),
            Record(b"x", 3, key=b"l", headers=[*why]),
            Record(payment("a"), 4),
        ],
    )
    assert one.found.records == {TOPICS.dlq: 2}
    assert one.found.last == {(TOPICS.dlq, 0): 2}


def test_a_scored_record_whose_key_is_a_token() -> None:
    """With secret fields, the tokens of the keys are searched for too, which needs the key of the tokens."""
    env = {"SECRETS_KEY": "k" * 32}
    keys = _keys([b"customer"], SCHEMA, env)
    token = Tokens(b"k" * 32).of_record_key(b"customer")
    assert keys == {b"customer", token}
    one = sorting(keys=keys)
    one.scored(0, [Record(payment("a", source_offset=3, pan="t", **OURS), 0, 30, key=token)])
    assert one.found.payments == {ScoredPlace(0, 3, "a")}
    assert _keys([b"customer"], default_schema(), {}) == {b"customer"}
    assert _keys([], SCHEMA, {}) == set()
    with pytest.raises(SettingsError, match="SECRETS_KEY"):
        _keys([b"customer"], SCHEMA, {})
