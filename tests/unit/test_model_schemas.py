"""Models of other schemas: amounts that are missing, missing values, the encoding in the manifest, refusals."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.any_schema import CARDS
from tests.default_payment import ENCODING, SCHEMA
from tests.unit.test_artifact import refused, save

from fraudstream.arrays import Floats
from fraudstream.errors import ModelUnfitError
from fraudstream.model import store
from fraudstream.model.amounts import amounts_of
from fraudstream.model.decision import Costs, Thresholds
from fraudstream.model.encoding import EncodedField, Encoding
from fraudstream.model.fraud_model import MOST_OF_ANY, FraudModel
from fraudstream.model.manifest import Manifest, encode, read_manifest
from fraudstream.payment_schema import PaymentSchema, parse
from fraudstream.payment_values import Value

COSTS = Costs(fraud=15.0, review=5.0, wrong_block=25.0, min_block=0.5)
HEAD = 'id = "id"\n[fields.id]\ntype = "text"\n'
OTHER = parse(
    f"""{HEAD}[fields.speed]
type = "number"
required = false
feature = true
[fields.colour]
type = "category"
feature = true
""",
    "payment.toml",
)
PAST: dict[str, list[Value | None]] = {"speed": [1.0, None] * 30, "colour": ["red", "blue", "green"] * 20}


class Half:
    """A classifier with the probability 0.5."""

    def predict_proba(self, matrix: Floats, /) -> Floats:
        """Return probabilities of shape (n, 2)."""
        return np.full((len(matrix), 2), 0.5)


def model(schema: PaymentSchema, encoding: Encoding, reference: Floats | None = None) -> FraudModel:
    """Return a model of the schema."""
    return FraudModel(
        content_sha256="0" * 64,
        classifier=Half(),
        schema=schema,
        encoding=encoding,
        thresholds=Thresholds(0.2, 0.8),
        costs=COSTS,
        reference=reference,
    )


def save_other(folder: Path, encoding: Encoding, reference: list[float] | None = None) -> Manifest:
    """Store a model with this encoding."""
    return store.save(
        folder,
        Half(),
        kind="test",
        encoding=encoding,
        thresholds=Thresholds(0.2, 0.8),
        training_sha256="a" * 64,
        training_rows=60,
        settings="test",
        metrics={},
        reference={"payment": store.reference_payment(reference, encoding)} if reference else None,
    )


def test_thresholds_decide_without_an_amount() -> None:
    """The costs decide on the other payments of the batch: 0.3 of 1,000 is more than a review."""
    fraud, amounts = np.array([0.3, 0.3, 0.1, 0.9]), np.array([1_000.0, np.nan, np.nan, np.nan])
    assert model(SCHEMA, ENCODING).decide(fraud, amounts) == ["review", "review", "approve", "block"]
    assert model(SCHEMA, ENCODING).decide(np.array([0.19]), np.array([np.nan])) == ["approve"]
    assert model(SCHEMA, ENCODING).decide(np.array([0.19]), np.array([1_000.0])) == ["review"]


def test_amounts() -> None:
    """Missing amounts are NaN, as are all of a schema without an amount."""
    assert np.isnan(amounts_of(OTHER, {"id": ["a", "b"]})).tolist() == [True, True]
    declared = parse(f'amount = "sum"\n{HEAD}[fields.sum]\ntype = "integer"\nrequired = false', "payment.toml")
    np.testing.assert_array_equal(amounts_of(declared, {"id": ["a", "b"], "sum": [3, None]}), [3.0, np.nan])


def test_missing_values_are_scored_where_they_may_be() -> None:
    """NaN is valid for a number that is not required; an infinite number never is."""
    encoding = Encoding.of(OTHER, PAST)
    scorer = model(OTHER, encoding)
    matrix = scorer.matrix({"speed": [None, 3.0], "colour": ["red", "unseen"]})
    assert scorer.score(matrix).tolist() == [0.5, 0.5]
    for place, value in ((0, np.inf), (1, np.nan), (1, -np.inf)):
        wrong = matrix.copy()
        wrong[0, place] = value
        with pytest.raises(ModelUnfitError, match=encoding.names[place]):
            scorer.score(wrong)


def test_a_classifier_of_many_features_is_not_enumerated() -> None:
    """2^28 predictions for a payment would never end."""
    encoding = Encoding.without_levels(CARDS)
    reference = np.zeros(len(encoding.fields))
    assert len(reference) > MOST_OF_ANY
    scorer = model(CARDS, encoding, reference)
    assert scorer.explain(reference[None]) is None
    assert scorer.reasons(reference[None]) == ["[]"]


def test_a_stored_encoding(tmp_path: Path) -> None:
    """The model is loaded with the levels of its history, and its reference payment may have missing values."""
    encoding = Encoding.of(OTHER, PAST)
    manifest = save_other(tmp_path, encoding, [float("nan"), 1.0])
    found, read = store.load(tmp_path, store.NO_PINS, OTHER)
    assert (found.encoding, read.content_sha256) == (encoding, manifest.content_sha256)
    assert found.matrix({"speed": [2.0], "colour": ["green"]}).tolist() == [[2.0, 1.0]]
    np.testing.assert_array_equal(found.reference, [np.nan, 1.0])
    store.challenge(tmp_path, manifest.content_sha256)
    challenger = store.load_challenger(tmp_path, store.NO_PINS, OTHER)
    assert challenger is not None
    assert challenger[0].encoding == encoding


def test_the_version_covers_the_encoding(tmp_path: Path) -> None:
    """Other levels are another version; a manifest with changed levels is refused."""
    first = save_other(tmp_path, Encoding.of(OTHER, PAST))
    other = save_other(tmp_path, Encoding.of(OTHER, {**PAST, "colour": ["red", "green", "black"] * 20}))
    assert (first.sha256 == other.sha256, first.version == other.version) == (True, False)
    path = tmp_path / store.MANIFEST_FILE
    stated = json.loads(path.read_text())
    assert read_manifest(path) == other
    stated["encoding"][1]["levels"].reverse()
    path.write_text(json.dumps(stated))
    assert "states version" in refused(tmp_path)


@pytest.mark.parametrize("encoding", [[], [{}], "x", [{"name": "speed"}], 7])
def test_an_invalid_encoding(tmp_path: Path, encoding: object) -> None:
    """The message names the place."""
    save_other(tmp_path, Encoding.of(OTHER, PAST))
    path = tmp_path / store.MANIFEST_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | {"encoding": encoding}))
    problem = refused(tmp_path)
    assert "is not a manifest (encoding" in problem
    assert problem.isprintable()


def test_an_encoding_of_other_features(tmp_path: Path) -> None:
    """The two lists of a manifest agree."""
    save_other(tmp_path, Encoding.of(OTHER, PAST))
    path = tmp_path / store.MANIFEST_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | {"features": ["speed", "color"]}))
    assert "features must be the names in encoding" in refused(tmp_path)


def test_a_model_of_another_schema_is_refused_with_both_lists(tmp_path: Path) -> None:
    """Loading, repairing and challenging check the schema."""
    manifest = save_other(tmp_path, Encoding.of(OTHER, PAST))
    store.challenge(tmp_path, manifest.content_sha256)
    for load in (store.load, store.load_challenger, store.repair):
        with pytest.raises(ModelUnfitError) as caught:
            load(tmp_path, store.NO_PINS, CARDS)
        problem = str(caught.value)
        assert "was trained on speed (number), colour (category), but" in problem
        assert "features amount (number, scale log), currency (category)" in problem
        assert "python -m trainer --force" in problem
    assert store.repair(tmp_path, store.NO_PINS, OTHER).version == manifest.version


def test_a_model_of_an_earlier_release_has_the_default_encoding(tmp_path: Path) -> None:
    """Its manifest has no encoding; it scores payments of the default schema only."""
    manifest = save(tmp_path)
    assert manifest.encoding is None
    assert store.load(tmp_path, store.NO_PINS, SCHEMA)[0].encoding == ENCODING
    with pytest.raises(ModelUnfitError, match="was trained on amount"):
        store.load(tmp_path, store.NO_PINS, OTHER)


def test_missing_values_that_the_model_does_not_know(tmp_path: Path) -> None:
    """A field that is no longer required is refused before the first payment without it."""
    strict = parse(f'{HEAD}[fields.x]\ntype = "number"\nfeature = true', "payment.toml")
    save_other(tmp_path, Encoding.without_levels(strict))
    loose = parse(f'{HEAD}[fields.x]\ntype = "number"\nrequired = false\nfeature = true', "payment.toml")
    with pytest.raises(
        ModelUnfitError, match=r"trained without missing values, but .* does not require x; train again"
    ):
        store.load(tmp_path, store.NO_PINS, loose)
    filled = parse(f'{HEAD}[fields.x]\ntype = "number"\nrequired = false\ndefault = 0\nfeature = true', "payment.toml")
    assert store.load(tmp_path, store.NO_PINS, filled)[0].encoding.names == ("x",)


@pytest.mark.parametrize("value", [-1.0, 2.0, 5.0, None])
def test_a_reference_code_that_is_no_level(tmp_path: Path, value: float | None) -> None:
    """A reference payment has a code of each category, that of rare values (here 3) and missing ones (4) included."""
    save_other(tmp_path, Encoding.of(OTHER, PAST), [1.0, 1.0])
    path = tmp_path / store.MANIFEST_FILE
    payment = {"speed": 1.0} | ({} if value is None else {"colour": value})
    changed = read_manifest(path).model_copy(update={"reference": {"payment": payment}})
    path.write_bytes(encode(changed))
    if value == 2.0:
        assert store.load(tmp_path, store.NO_PINS, OTHER)[0].reference is not None
        return
    with pytest.raises(ModelUnfitError, match=r"reference\.payment has no valid colour"):
        store.load(tmp_path, store.NO_PINS, OTHER)


KINDS = st.sampled_from(Encoding.without_levels(CARDS).fields)


@given(one=KINDS, seed=st.integers(0, 1_000))
def test_drawn_values_are_accepted(one: EncodedField, seed: int) -> None:
    """A model is warmed up with values that are those of payments."""
    drawn = Encoding(fields=(one,)).draw(np.random.default_rng(seed), 5)
    assert all(map(one.accepts, drawn[:, 0].tolist()))
