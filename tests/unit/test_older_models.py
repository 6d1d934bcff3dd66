"""Models from before the version covered the decision rule: used unchanged, under a version derived again."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.unit.test_artifact import MATRIX, classifier, refused, save

from fraudstream.model import calibration, store
from fraudstream.model.manifest import Manifest

_NEW = ("content_sha256", "activated_by", "older_version")


def _rewrite(path: Path, **changes: Any) -> None:
    """Write the manifest in the older form: its version is that of the model's file."""
    fields = json.loads(path.read_text()) | changes
    fields["version"] = fields["sha256"][:12]
    path.write_text(json.dumps({name: value for name, value in fields.items() if name not in _NEW}, indent=2) + "\n")


def older(folder: Path, *manifests: Manifest) -> None:
    """Give `folder` the older layout; the last manifest is the active one, each one's predecessor its previous."""
    previous = None
    for manifest in manifests:
        new, old = (folder / store.VERSIONS / name for name in (manifest.content_sha256, manifest.sha256))
        new.rename(old)
        _rewrite(old / store.MANIFEST_FILE, previous=previous)
        previous = manifest.sha256
    shutil.copy(old / store.MANIFEST_FILE, folder / store.MANIFEST_FILE)


def test_it_is_loaded_without_training(tmp_path: Path) -> None:
    """The version is that of the same model trained today; the older version is recognised too."""
    saved = save(tmp_path)
    older(tmp_path, saved)
    model, manifest = store.load(tmp_path, store.NO_PINS)
    assert model.version == manifest.version == saved.version
    assert manifest.older_version == saved.sha256[:12]
    assert store.kept(tmp_path) == [manifest]
    assert len(model.score(MATRIX)) == len(MATRIX)


def test_roll_back_to_it_and_from_it(tmp_path: Path) -> None:
    """Rollback uses `previous` as written in the older form, and as written today."""
    first, second = save(tmp_path), save(tmp_path, 0.5)
    older(tmp_path, first, second)
    third = save(tmp_path, 0.5, review=0.2)
    assert third.sha256 == second.sha256
    assert len(store.kept(tmp_path)) == 3
    for expected in (second, first):
        store.rollback(tmp_path)
        model, manifest = store.load(tmp_path, store.NO_PINS)
        assert (model.version, model.thresholds.review) == (expected.version, expected.thresholds.review)
        assert manifest.older_version == expected.sha256[:12]
    assert store.activate(tmp_path, third.content_sha256).version == third.version
    assert store.load(tmp_path, store.NO_PINS)[0].thresholds.review == 0.2
    assert {one.version for one in store.kept(tmp_path)} == {first.version, second.version, third.version}


def test_trained_again_it_is_the_same_version_once(tmp_path: Path) -> None:
    """The same result is not in two folders."""
    first, second = save(tmp_path), save(tmp_path, 0.5)
    older(tmp_path, first, second)
    again = save(tmp_path, 0.5)
    assert again.version == second.version
    assert len(list((tmp_path / store.VERSIONS).iterdir())) == 2
    assert store.rollback(tmp_path).version == first.version


def test_an_older_pin_does_not_cover_the_rule(tmp_path: Path) -> None:
    """A pin of the model's file would admit any thresholds; the message has both, and the pin that covers them."""
    saved = save(tmp_path)
    older(tmp_path, saved)
    assert store.load(tmp_path, frozenset({saved.content_sha256}))[0].version == saved.version
    _rewrite(tmp_path / store.MANIFEST_FILE, thresholds={"review": 0.999, "block": 0.999999})
    problem = refused(tmp_path, frozenset({saved.sha256}))
    assert "does not cover its thresholds, review 0.999 and block 0.999999" in problem
    changed = store.active(tmp_path)
    assert changed is not None
    assert problem.endswith(f"set MODEL_SHA256 to {changed.content_sha256}")
    assert "is not pinned" in refused(tmp_path, frozenset({saved.content_sha256}))


def test_an_older_challenger(tmp_path: Path) -> None:
    """Its bytes are found in the older folder."""
    first, second = save(tmp_path), save(tmp_path, 0.5)
    older(tmp_path, first, second)
    shutil.copy(tmp_path / store.VERSIONS / first.sha256 / store.MANIFEST_FILE, tmp_path / store.CHALLENGER_FILE)
    found = store.load_challenger(tmp_path, store.NO_PINS)
    assert found is not None
    assert found[0].version == first.version


@pytest.mark.parametrize("changes", [{"thresholds": {"review": 0.2, "block": 0.5}}, {}])
def test_an_older_rule_is_part_of_the_version(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Two older manifests of the same version have two versions now if they decide otherwise."""
    saved = save(tmp_path)
    older(tmp_path, saved)
    _rewrite(tmp_path / store.MANIFEST_FILE, **changes)
    assert (store.load(tmp_path, store.NO_PINS)[0].version == saved.version) == (not changes)


def test_a_pickle_that_names_modules_of_an_earlier_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules have moved into `fraudstream.model` since; the file loads without training."""
    calibrated = calibration.Calibrated(classifier=classifier(), rise=1.0, fall=1.0, shift=0.0)
    with monkeypatch.context() as then:
        then.setitem(sys.modules, "fraudstream.calibration", calibration)
        then.setattr(calibration.Calibrated, "__module__", "fraudstream.calibration")
        save(tmp_path, model=calibrated)
    assert b"fraudstream.calibration" in (tmp_path / store.MODEL_FILE).read_bytes()
    monkeypatch.delitem(sys.modules, "fraudstream.calibration", raising=False)
    model, _ = store.load(tmp_path, store.NO_PINS)
    assert len(model.score(MATRIX)) == len(MATRIX)
