"""Models on disk: files and the order of writes, and everything that is refused before a byte of it runs."""

import hashlib
import json
import os
import stat
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError
from sklearn.linear_model import LogisticRegression
from tests.default_payment import FEATURES

from fraudstream.errors import ModelUnfitError
from fraudstream.model import store
from fraudstream.model.decision import Costs, Thresholds
from fraudstream.model.manifest import Manifest, encode
from fraudstream.simulation import simulate

MATRIX = simulate(np.random.default_rng(0), 200).matrix()
LABELS = (MATRIX[:, 4] > 0).astype(np.int64)
ran: list[str] = []


class Bomb:
    """An object that runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Write the trace file."""
        return ran.append, ("boom",)


def fitted(strength: float, labels: NDArray[Any]) -> LogisticRegression:
    """Return a small classifier of these labels."""
    regression = LogisticRegression(C=strength, solver="newton-cholesky")
    regression.fit(np.log1p(MATRIX), labels)
    return regression


@cache
def classifier(strength: float = 1.0) -> LogisticRegression:
    """Return a small classifier, which tests share; another strength makes another version."""
    return fitted(strength, LABELS)


def save(
    folder: Path, strength: float = 1.0, model: Any = None, review: float = 0.1, costs: Costs | None = None
) -> Manifest:
    """Keep and activate a version."""
    return store.save(
        folder,
        model or classifier(strength),
        kind="test",
        thresholds=Thresholds(review=review, block=0.5),
        costs=costs,
        training_sha256="a" * 64,
        training_rows=len(MATRIX),
        settings="none",
        metrics={"auc": 0.9},
    )


def edit(folder: Path, **changes: Any) -> None:
    """Change fields of the switch, and update the hashes of its content."""
    path = folder / store.MANIFEST_FILE
    fields = json.loads(path.read_text()) | changes
    with suppress(ValidationError):
        fields = json.loads(encode(Manifest.model_validate(fields)))
    path.write_text(json.dumps(fields))


def refused(folder: Path, pins: frozenset[str] = frozenset()) -> str:
    """Return the message with which `folder` is refused."""
    with pytest.raises(ModelUnfitError) as caught:
        store.load(folder, pins)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_saved_model_is_loaded(tmp_path: Path) -> None:
    """A loaded model has its thresholds, its version and its whole manifest."""
    saved = save(tmp_path)
    model, manifest = store.load(tmp_path, store.NO_PINS)
    assert manifest == saved
    assert model.version == saved.content_sha256[:12] == saved.version
    assert model.thresholds == Thresholds(review=0.1, block=0.5)
    expected = classifier().predict_proba(MATRIX)[:, 1]
    assert model.score(MATRIX) == pytest.approx(expected, abs=1.1e-6)


def test_layout(tmp_path: Path) -> None:
    """The active files have their plain names, each version has its own folder, and there is nothing else."""
    first, second = save(tmp_path), save(tmp_path, 0.5)
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    versions = [
        f"versions/{m.content_sha256}/{name}"
        for m in (first, second)
        for name in ("fraud_model.json", "fraud_model.pkl")
    ]
    assert files == sorted(["fraud_model.json", "fraud_model.pkl", *versions])
    assert [manifest.content_sha256 for manifest in store.kept(tmp_path)] == sorted(
        [first.content_sha256, second.content_sha256]
    )
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


def test_joblib_loads_the_active_file(tmp_path: Path) -> None:
    """The active file is an ordinary joblib file."""
    save(tmp_path)
    loaded = joblib.load(tmp_path / "fraud_model.pkl")
    assert loaded.predict_proba(MATRIX).shape == (len(MATRIX), 2)


def test_the_group_may_write_whatever_the_umask(tmp_path: Path) -> None:
    """The group may write, whatever the umask: the host's owner and the container's user share the folder by group."""
    before = os.umask(0o077)
    try:
        save(tmp_path / "models")
    finally:
        os.umask(before)
    for path in (tmp_path / "models", *(tmp_path / "models").rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o777 == (0o775 if path.is_dir() else 0o660), path


def test_a_rollback_is_one_call(tmp_path: Path) -> None:
    """A kept version is activated again with one call."""
    first, second = save(tmp_path), save(tmp_path, 0.5)
    assert store.load(tmp_path, store.NO_PINS)[0].version == second.version
    store.activate(tmp_path, first.content_sha256)
    assert store.load(tmp_path, store.NO_PINS)[0].version == first.version


def test_a_crash_between_the_two_files_leaves_the_old_one_active(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a crash the switch names the old version, whose bytes are kept."""
    first = save(tmp_path)
    replace = Path.replace

    def crash(path: Path, target: Path) -> Path:
        if target == tmp_path / store.MANIFEST_FILE:
            raise KeyboardInterrupt
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, 0.5)
    monkeypatch.undo()
    assert store.load(tmp_path, store.NO_PINS)[0].version == first.version
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_half_written_version_is_not_kept(tmp_path: Path) -> None:
    """A version that is half written, or whose bytes have changed, does not count as kept."""
    manifest = save(tmp_path)
    (tmp_path / "versions" / ("b" * 64)).mkdir()
    assert store.kept(tmp_path) == [manifest]
    (tmp_path / "versions" / manifest.content_sha256 / store.MODEL_FILE).write_bytes(b"other")
    assert store.kept(tmp_path) == []
    with pytest.raises(ModelUnfitError, match="damaged"):
        store.activate(tmp_path, manifest.content_sha256)


def test_no_model(tmp_path: Path) -> None:
    """Without a model, the message explains how to get one."""
    assert "docker compose run --rm trainer, or make train" in refused(tmp_path)


def test_a_changed_file_is_never_unpickled(tmp_path: Path) -> None:
    """Bytes other than the manifest's are never unpickled, since a pickle is code."""
    manifest = save(tmp_path)
    for folder in (tmp_path, tmp_path / "versions" / manifest.content_sha256):
        joblib.dump(Bomb(), folder / store.MODEL_FILE)
    assert "not the file that its manifest describes" in refused(tmp_path)
    assert ran == []


def test_both_copies_missing(tmp_path: Path) -> None:
    """A switch without the bytes of its model is refused."""
    manifest = save(tmp_path)
    for folder in (tmp_path, tmp_path / "versions" / manifest.content_sha256):
        (folder / store.MODEL_FILE).unlink()
    assert "is missing; train again" in refused(tmp_path)


def test_pins(tmp_path: Path) -> None:
    """With pins, only a pinned model is loaded."""
    manifest = save(tmp_path)
    store.load(tmp_path, frozenset({manifest.content_sha256, "c" * 64}))
    assert "pinned" in refused(tmp_path, frozenset({"c" * 64}))


def test_another_scikit_learn(tmp_path: Path) -> None:
    """The message names both versions."""
    manifest = save(tmp_path)
    edit(tmp_path, libraries=manifest.libraries.model_dump() | {"scikit_learn": "0.1"})
    assert "scikit-learn 0.1" in refused(tmp_path)


@pytest.mark.parametrize("features", [FEATURES[::-1], FEATURES[:4], (*FEATURES, "age")])
def test_other_features(tmp_path: Path, features: tuple[str, ...]) -> None:
    """Names and order of the features must match."""
    save(tmp_path)
    edit(tmp_path, features=features)
    assert "was trained on" in refused(tmp_path)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"sha256": "../../etc"}, "sha256"),
        ({"thresholds": {"review": 2, "block": 0.5}}, "thresholds.review"),
        ({"features": None}, "features"),
    ],
)
def test_an_invalid_manifest(tmp_path: Path, change: dict[str, Any], field: str) -> None:
    """The message names the field that is wrong."""
    save(tmp_path)
    edit(tmp_path, **change)
    assert field in refused(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00"])
def test_a_manifest_that_is_not_a_json_object(tmp_path: Path, text: str) -> None:
    """A torn or foreign file is refused in one line."""
    save(tmp_path)
    (tmp_path / store.MANIFEST_FILE).write_text(text)
    assert "is not a manifest" in refused(tmp_path)


def test_fields_of_a_later_version_are_ignored(tmp_path: Path) -> None:
    """An older scorer reads a newer trainer's manifest."""
    save(tmp_path)
    edit(tmp_path, reasons={"amount": 1})
    store.load(tmp_path, store.NO_PINS)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ({"not": "a model"}, "no method predict_proba"),
        (Bomb(), "no method predict_proba"),
        (fitted(1.0, LABELS + 1), "labels other than 0 and 1"),
        (fitted(1.0, np.where(LABELS == 1, "yes", "no")), "labels other than 0 and 1"),
    ],
)
def test_a_file_that_is_not_a_fraud_model(tmp_path: Path, model: Any, expected: str) -> None:
    """A pickle of another class is refused although its hash is correct."""
    save(tmp_path, model=model)
    assert expected in refused(tmp_path)
    ran.clear()


def test_a_pickle_that_can_not_be_read(tmp_path: Path) -> None:
    """A pickle that can't be loaded, such as one of a class missing from this image, is refused."""
    manifest = save(tmp_path)
    content = b"\x80\x04cno_such_module\nThing\n."
    sha256 = hashlib.sha256(content).hexdigest()
    (tmp_path / store.MODEL_FILE).write_bytes(content)
    edit(tmp_path, sha256=sha256)
    assert "ModuleNotFoundError" in refused(tmp_path)
    assert manifest.sha256 != sha256


def test_a_folder_that_can_not_be_written(tmp_path: Path) -> None:
    """A folder that can't be written is reported in one line, without a traceback."""
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(ModelUnfitError, match="can't be written"):
        save(tmp_path / "models")


def test_a_manifest_that_can_not_be_read(tmp_path: Path) -> None:
    """A manifest that can't be read, such as a folder in its place, is refused."""
    (tmp_path / store.MANIFEST_FILE).mkdir()
    assert "can't be read" in refused(tmp_path)
