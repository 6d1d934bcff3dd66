"""Another model takes over at run time, or is refused and leaves the current one unaffected."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from structlog.testing import capture_logs
from tests.default_payment import FEATURES, SCHEMA
from tests.integration.trained import save_model
from tests.unit.test_artifact import classifier

from dashboard.exposition import reading
from fraudstream.errors import ModelUnfitError
from fraudstream.model import store
from fraudstream.model.decision import Costs, Thresholds
from fraudstream.model.manifest import Manifest, encode
from fraudstream.runtime.metrics import ScorerMetrics
from fraudstream.runtime.settings import ModelSettings
from scorer.challenger import Challenger
from scorer.champion import Champion, active_champion
from scorer.gauges import update_models


def made(folder: Path, **env: str) -> Champion:
    """Return the champion of the models in `folder`."""
    return active_champion(ModelSettings.from_env({"MODELS_DIR": str(folder), **env}), SCHEMA)


def rules(metrics: ScorerMetrics) -> dict[str, dict[str, Any]]:
    """Return the decision rules that the page reads from the metrics, by model version."""
    return reading(generate_latest(metrics.registry).decode()).rules()


def looked(holder: Champion) -> list[str]:
    """Return the log events of one check of the folder."""
    with capture_logs() as lines:
        asyncio.run(holder.look())
    return [line["event"] for line in lines]


def test_another_model_takes_over(tmp_path: Path) -> None:
    """Another model takes over once, with its version; a rollback does the same."""
    first = save_model(tmp_path)
    holder = made(tmp_path)
    assert looked(holder) == []
    second = save_model(tmp_path, strength=0.01)
    assert looked(holder) == ["model swapped"]
    assert holder.model.version == second.version
    assert looked(holder) == []
    store.rollback(tmp_path)
    assert looked(holder) == ["model swapped"]
    assert holder.model.version == first.version


def test_another_rule_of_the_same_model_takes_over(tmp_path: Path) -> None:
    """Another rule is another version; a rollback restores model and rule together."""
    first = save_model(tmp_path)
    holder = made(tmp_path)
    second = save_model(tmp_path, review=0.3)
    assert first.sha256 == second.sha256
    assert looked(holder) == ["model swapped"]
    assert (holder.model.version, holder.model.thresholds.review) == (second.version, 0.3)
    store.rollback(tmp_path)
    assert looked(holder) == ["model swapped"]
    assert (holder.model.version, holder.model.thresholds.review) == (first.version, 0.1)


def test_a_model_that_decides_by_cost_takes_over(tmp_path: Path) -> None:
    """The log has its costs; the capacity it was trained for is a gauge; its rule is read by the page."""
    save_model(tmp_path)
    holder, metrics = made(tmp_path), ScorerMetrics()
    challenger = Challenger(load=lambda: None)
    update_models(metrics, holder, challenger)
    assert next(iter(metrics.review_capacity.collect())).samples == []
    assert rules(metrics) == {holder.model.version: {"thresholds": {"review": 0.1, "block": 0.5}}}
    manifest = store.save(
        tmp_path,
        classifier(),
        kind="test",
        thresholds=Thresholds(0.1, 0.5),
        costs=Costs(fraud=15.0, review=8.5, wrong_block=25.0, min_block=0.5),
        review_capacity=0.05,
        training_sha256="a" * 64,
        training_rows=200,
        settings="none",
        metrics={},
    )
    with capture_logs() as lines:
        asyncio.run(holder.look())
    (line,) = lines
    assert (line["event"], line["version"], line["cost_of_review"]) == ("model swapped", manifest.version, 8.5)
    update_models(metrics, holder, challenger)
    (sample,) = next(iter(metrics.review_capacity.collect())).samples
    assert (sample.labels, sample.value) == ({"version": manifest.version}, 0.05)
    costs = {"fraud": 15.0, "review": 8.5, "wrong_block": 25.0, "min_block": 0.5}
    assert rules(metrics) == {manifest.version: {"costs": costs, "thresholds": {"review": 0.1, "block": 0.5}}}


def test_overridden_thresholds_are_another_version(tmp_path: Path) -> None:
    """The log names both versions, at the start and with each model that takes over."""
    first = save_model(tmp_path)
    holder = made(tmp_path, REVIEW_THRESHOLD="0.2")
    assert holder.model.version not in {first.version, None}
    with capture_logs() as lines:
        holder.explain_version()
    (line,) = lines
    assert (line["model"], line["model_version"]) == (first.version, holder.model.version)
    trained = save_model(tmp_path, review=0.2)
    assert trained.version == holder.model.version
    assert looked(holder) == []
    save_model(tmp_path, strength=0.01)
    assert looked(holder) == ["model swapped", "thresholds overridden"]


def test_a_refused_model_changes_nothing(tmp_path: Path) -> None:
    """A refused model is logged once; after a repair it takes over."""
    first = save_model(tmp_path)
    holder = made(tmp_path)
    second = save_model(tmp_path, strength=0.01)
    places = [
        tmp_path / store.MODEL_FILE,
        tmp_path / store.VERSIONS / second.content_sha256 / store.MODEL_FILE,
    ]
    content = places[0].read_bytes()
    for place in places:
        place.write_bytes(content + b"no")
    assert looked(holder) == ["model refused"]
    assert looked(holder) == []
    assert holder.model.version == first.version
    assert "not the file that its manifest describes" in (holder.refused or "")
    places[0].write_bytes(content)
    assert looked(holder) == ["model swapped"]
    assert holder.refused is None
    switch = (tmp_path / store.MANIFEST_FILE).read_bytes()
    (tmp_path / store.MANIFEST_FILE).unlink()
    assert looked(holder) == ["model refused"]
    assert holder.model.version == second.version
    (tmp_path / store.MANIFEST_FILE).write_bytes(switch)
    assert looked(holder) == ["model kept"]
    assert holder.refused is None


def test_only_a_pinned_model_is_used(tmp_path: Path) -> None:
    """Only a pinned model is used, at start and at run time."""
    first = save_model(tmp_path)
    holder = made(tmp_path, MODEL_SHA256=f"{first.content_sha256}, {'0' * 64}")
    save_model(tmp_path, strength=0.01)
    assert looked(holder) == ["model refused"]
    assert "not pinned" in (holder.refused or "")
    with pytest.raises(ModelUnfitError, match="pinned"):
        made(tmp_path, MODEL_SHA256="0" * 64)


PINNED_ATTACKS: dict[str, Callable[[Path, Manifest], object]] = {
    "thresholds that block nothing": lambda path, _: _edit(path, thresholds={"review": 0.999998, "block": 0.999999}),
    "the same, with hashes of its own": lambda path, manifest: path.write_bytes(
        encode(manifest.with_thresholds(0.999998, 0.999999))
    ),
    "a formula as version": lambda path, _: _edit(path, version='=1+1","x":"y'),
    "an older manifest, with a rule of its own": lambda path, manifest: path.write_text(
        json.dumps(
            {name: value for name, value in json.loads(path.read_text()).items() if name != "content_sha256"}
            | {"version": manifest.sha256[:12], "thresholds": {"review": 0.999998, "block": 0.999999}}
        )
    ),
    "other features": lambda path, manifest: path.write_bytes(
        encode(manifest.model_copy(update={"features": FEATURES[::-1]}))
    ),
    "another reference payment": lambda path, manifest: path.write_bytes(
        encode(manifest.model_copy(update={"reference": {"payment": dict.fromkeys(FEATURES, 1.0)}}))
    ),
}


def _edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("what", PINNED_ATTACKS)
@pytest.mark.parametrize("pinned", ["content_sha256", "sha256"])
def test_a_pin_covers_the_decision_rule(tmp_path: Path, what: str, pinned: str) -> None:
    """A manifest with another rule is refused at the start and at run time, whatever hashes it states.

    A pin of the model's bytes alone, as in an earlier release, admits nothing.
    """
    manifest = save_model(tmp_path)
    pin = getattr(manifest, pinned)
    path = tmp_path / store.MANIFEST_FILE
    holder = made(tmp_path, MODEL_SHA256=manifest.content_sha256)
    PINNED_ATTACKS[what](path, manifest)
    assert looked(holder) == ["model refused"]
    assert (holder.model.version, holder.model.thresholds.review) == (manifest.version, 0.1)
    with pytest.raises(ModelUnfitError) as refused:
        made(tmp_path, MODEL_SHA256=pin)
    assert str(refused.value).isprintable()


def test_another_model_under_an_old_name_is_logged(tmp_path: Path) -> None:
    """A version is derived and can't be kept for another model: models are compared by all digits of their hashes."""
    first = save_model(tmp_path)
    holder = made(tmp_path)
    second = save_model(tmp_path, strength=0.01)
    _edit(tmp_path / store.MANIFEST_FILE, version=first.version)
    assert looked(holder) == ["model refused"]
    store.activate(tmp_path, second.content_sha256)
    with capture_logs() as lines:
        asyncio.run(holder.look())
    assert [(line["event"], line["version"], line["was"]) for line in lines] == [
        ("model swapped", second.version, first.version)
    ]


@pytest.mark.parametrize(
    "changes",
    [{"kind": "other"}, {"metrics": {"auc": 1.0}}, {"reference": {"costs": {"review": 1}}}, {"training_rows": 1}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_description_that_changes_is_logged(tmp_path: Path, changes: dict[str, Any]) -> None:
    """A change outside of the version, such as in the drift reference, is logged."""
    manifest = save_model(tmp_path)
    holder = made(tmp_path, MODEL_SHA256=manifest.content_sha256)
    (tmp_path / store.MANIFEST_FILE).write_bytes(encode(manifest.model_copy(update=changes)))
    with capture_logs() as lines:
        asyncio.run(holder.look())
    assert [(line["event"], line["fields"]) for line in lines] == [("model description changed", *changes)]
    assert looked(holder) == []


def _drift(edges: int, count: int) -> dict[str, Any]:
    one = {"edges": [float(edge) for edge in range(edges)], "counts": [[count] * (edges + 1)] * 24}
    return dict.fromkeys((*{*FEATURES} - {"transaction_hour"}, "fraud_probability"), one)


@pytest.mark.parametrize(
    "drift",
    [{}, None, [], 7, {"amount": {"edges": [1e308], "counts": []}}, _drift(1, 2**52), _drift(1, -1), _drift(250, 1)],
    ids=["empty", "null", "list", "number", "no counts", "too many payments", "negative", "too many bins"],
)
def test_an_invalid_drift_reference_is_refused(tmp_path: Path, drift: Any) -> None:
    """An invalid drift reference is refused with or without a pin, before anything is measured from it."""
    manifest = save_model(tmp_path)
    holder = made(tmp_path, MODEL_SHA256=manifest.content_sha256)
    changed = manifest.model_copy(update={"reference": {"drift": drift}})
    (tmp_path / store.MANIFEST_FILE).write_bytes(encode(changed))
    assert looked(holder) == ["model refused"]
    assert "reference is invalid" in (holder.refused or "")
    assert (holder.refused or "").isprintable()
