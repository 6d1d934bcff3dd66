"""A manifest's version is derived from its decision rule, and all its other fields are checked before any output."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.default_payment import FEATURES
from tests.unit.test_artifact import refused, save

from fraudstream.errors import ModelUnfitError
from fraudstream.model import store
from fraudstream.model.decision import Costs, Thresholds
from fraudstream.model.manifest import (
    MOST_COST,
    Libraries,
    Manifest,
    ManifestCosts,
    ManifestThresholds,
    encode,
    parse_manifest,
    read_manifest,
)

sha256s = st.text("0123456789abcdef", min_size=64, max_size=64)
shares = st.floats(0, 1, exclude_min=True, exclude_max=True)
labels = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.+ -]{0,20}", fullmatch=True)
payments = st.none() | st.fixed_dictionaries({name: st.floats(0, 1e12) for name in FEATURES})
finite = st.floats(allow_nan=False, allow_infinity=False)
prices = st.floats(0, MOST_COST, exclude_min=True)
costs = st.none() | st.builds(
    ManifestCosts, fraud=st.floats(0, MOST_COST), review=prices, wrong_block=prices, min_block=st.floats(0, 1)
)
COSTS = Costs(fraud=15.0, review=5.0, wrong_block=25.0, min_block=0.5)
EARLIER = "52a1618e37a23161a16cb611a91d449567b4af62fa8bd9550c158c0c00487037"


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """Build valid manifests."""
    review, block = sorted((draw(shares), draw(shares)))
    payment = draw(payments)
    return Manifest(
        sha256=draw(sha256s),
        kind=draw(labels),
        features=tuple(draw(st.permutations(FEATURES))),
        thresholds=ManifestThresholds(review=review, block=block),
        costs=draw(costs),
        review_capacity=draw(st.none() | shares),
        libraries=Libraries.installed(),
        training_sha256=draw(sha256s),
        training_rows=draw(st.integers(0, 10**9)),
        settings=draw(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80)),
        metrics=draw(st.dictionaries(labels, finite, max_size=3)),
        reference={} if payment is None else {"payment": payment},
        previous=draw(st.none() | sha256s),
        activated_by=draw(st.sampled_from(["trainer", "user"])),
    )


def rule(manifest: Manifest) -> Any:
    """Return the decision rule: everything in the manifest that affects decisions."""
    payment = manifest.reference.get("payment")
    return manifest.sha256, manifest.features, manifest.thresholds, manifest.costs, payment


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(manifest=manifests())
def test_a_written_manifest_is_read_back(manifest: Manifest, tmp_path: Path) -> None:
    """The version comes first; it and the content's hash are derived again on reading."""
    path = tmp_path / "manifest.json"
    path.write_bytes(encode(manifest))
    assert read_manifest(path) == manifest
    stated = json.loads(path.read_bytes())
    assert list(stated)[:2] == ["version", "content_sha256"]
    assert stated["version"] == stated["content_sha256"][:12] == manifest.version
    assert path.read_bytes().isascii()


@given(one=manifests(), other=manifests())
def test_the_version_covers_the_decision_rule_only(one: Manifest, other: Manifest) -> None:
    """Hashes of two manifests are equal exactly if model, features, rule and reference payment are equal."""
    assert (one.content_sha256 == other.content_sha256) == (rule(one) == rule(other))
    same = other.model_copy(
        update={name: getattr(one, name) for name in ("sha256", "features", "thresholds", "costs", "reference")}
    )
    assert same.content_sha256 == one.content_sha256


@given(manifest=manifests(), review=shares, block=shares)
def test_other_thresholds_are_another_version(manifest: Manifest, review: float, block: float) -> None:
    """The version is that of a model trained to these thresholds; equal thresholds keep the version."""
    manifest = manifest.model_copy(update={"costs": None})
    wanted = sorted((review, block))
    changed = manifest.with_thresholds(*wanted)
    limits = manifest.thresholds
    assert [changed.thresholds.review, changed.thresholds.block] == wanted
    assert (changed.version == manifest.version) == (wanted == [limits.review, limits.block])
    assert changed.with_thresholds(limits.review, limits.block).content_sha256 == manifest.content_sha256
    assert manifest.with_thresholds(None, None) is manifest


@given(manifest=manifests(), review=shares)
def test_thresholds_replace_the_costs(manifest: Manifest, review: float) -> None:
    """One threshold is enough; the other one is the manifest's."""
    limits = manifest.thresholds
    changed = manifest.with_thresholds(min(review, limits.block), None)
    assert changed.rule == Thresholds(min(review, limits.block), limits.block)
    bare = manifest.model_copy(update={"costs": None})
    assert changed == bare.with_thresholds(min(review, limits.block), None)
    assert (changed.version == manifest.version) == (changed == manifest)


def test_a_manifest_with_costs(tmp_path: Path) -> None:
    """The model decides by them; without them its version is the one of earlier releases."""
    plain, priced = save(tmp_path), save(tmp_path, costs=COSTS)
    assert plain.content_sha256 != priced.content_sha256
    assert priced.model_copy(update={"costs": None}).content_sha256 == plain.content_sha256
    model, manifest = store.load(tmp_path, store.NO_PINS)
    assert (model.version, model.rule, manifest.rule) == (priced.version, COSTS, COSTS)
    assert model.decide(np.array([0.03, 0.03, 0.9]), np.array([3.0, 1_000.0, 1_000.0])) == [
        "approve",
        "review",
        "block",
    ]
    fixed, _ = store.load(tmp_path, store.NO_PINS, block=0.95)
    assert fixed.rule == Thresholds(0.1, 0.95)
    assert fixed.decide(np.array([0.03, 0.03, 0.9]), np.array([3.0, 1_000.0, 1_000.0])) == [
        "approve",
        "approve",
        "review",
    ]


def test_the_hash_of_a_manifest_without_costs_is_the_one_of_earlier_releases(tmp_path: Path) -> None:
    """It was computed by the release before costs."""
    manifest = save(tmp_path).model_copy(
        update={
            "sha256": "ab" * 32,
            "thresholds": ManifestThresholds(review=0.034, block=0.8),
            "reference": {"payment": dict.fromkeys(FEATURES, 1)},
        }
    )
    assert manifest.content_sha256 == EARLIER
    assert manifest.model_copy(update={"review_capacity": 0.05}).content_sha256 == EARLIER
    stated = json.loads(encode(manifest))
    del stated["costs"], stated["review_capacity"]
    assert parse_manifest(tmp_path, json.dumps(stated).encode()) == manifest


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ({"review": 0}, "costs.review: Input should be greater than 0"),
        ({"review": None}, "costs.review"),
        ({"review": "5"}, "costs.review"),
        ({"review": 1e300}, "costs.review"),
        ({"wrong_block": -25.0}, "costs.wrong_block"),
        ({"fraud": -1}, "costs.fraud"),
        ({"fraud": True}, "costs.fraud"),
        ({"min_block": 1.5}, "costs.min_block"),
        ({"min_blocks": 0.5}, "costs.min_blocks: Extra inputs are not permitted"),
        ({"review": 4.0}, "states version"),
    ],
    ids=str,
)
def test_costs_that_are_wrong_are_one_clear_line(tmp_path: Path, edit: dict[str, object], expected: str) -> None:
    """A changed cost is a changed rule; an unknown one could be part of a later release's rule."""
    save(tmp_path, costs=COSTS)
    path = tmp_path / store.MANIFEST_FILE
    stated = json.loads(path.read_text())
    path.write_text(json.dumps(stated | {"costs": stated["costs"] | edit}))
    problem = refused(tmp_path)
    assert expected in problem
    assert problem.isprintable()


def test_a_pin_of_the_file_alone_names_the_costs(tmp_path: Path) -> None:
    """The pin does not cover them."""
    manifest = save(tmp_path, costs=COSTS)
    problem = refused(tmp_path, frozenset({manifest.sha256}))
    assert "does not cover its costs, cost_of_fraud 15, cost_of_review 5, cost_of_wrong_block 25 and min" in problem
    assert f"set MODEL_SHA256 to {manifest.content_sha256}" in problem


def test_thresholds_that_contradict_name_the_settings(tmp_path: Path) -> None:
    """A review threshold above the model's own block threshold is an error."""
    save(tmp_path)
    with pytest.raises(ModelUnfitError, match="REVIEW_THRESHOLD, BLOCK_THRESHOLD and model"):
        store.load(tmp_path, store.NO_PINS, review=0.9)


@pytest.mark.parametrize(
    "change",
    [
        {"thresholds": {"review": 0.1, "block": 0.6}},
        {"features": FEATURES[::-1]},
        {"reference": {"payment": dict.fromkeys(FEATURES, 1)}},
        {"sha256": "b" * 64},
        {"version": "0" * 12},
        {"content_sha256": "0" * 64},
        {"content_sha256": None},
    ],
    ids=str,
)
def test_a_version_of_another_content_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    """The message has the stated version and the derived one."""
    manifest = save(tmp_path)
    path = tmp_path / store.MANIFEST_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    problem = refused(tmp_path)
    assert "states version" in problem
    assert manifest.version in problem


@pytest.mark.parametrize("amount", [0.0, -1.0, None])
def test_an_invalid_reference_payment(tmp_path: Path, amount: float | None) -> None:
    """Scores explained against an invalid reference payment would not be numbers."""
    save(tmp_path)
    path = tmp_path / store.MANIFEST_FILE
    payment = dict.fromkeys(FEATURES, 1.0) | {"amount": amount}
    if amount is None:
        del payment["amount"]
    changed = read_manifest(path).model_copy(update={"reference": {"payment": payment}})
    path.write_bytes(encode(changed))
    assert "reference.payment has no valid amount" in refused(tmp_path)
