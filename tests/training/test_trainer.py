"""The trainer from end to end, the quality of its model, and runs without training."""

import ast
import json
import math
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fraudstream.model import store
from fraudstream.model.decision import Costs
from fraudstream.model.drift_reference import Reference
from fraudstream.model.manifest import Manifest
from fraudstream.simulation import simulate
from tests.unit.test_older_models import older
from trainer import calibrate, fit, make_data, quality, train
from trainer.__main__ import main

ROWS = 1_000
SAMPLE = Path(__file__).parents[2] / "data" / "historical_payments.csv"


@pytest.fixture(autouse=True)
def _no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the report, which takes longer than these small trainings and has its own tests."""
    monkeypatch.setattr(train, "_report", lambda *_: None)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Provide settings for a small history and an empty models folder."""
    make_data.write(tmp_path / "history.csv", rows=ROWS, seed=1)
    return {"TRAINING_DATA": str(tmp_path / "history.csv"), "MODELS_DIR": str(tmp_path / "models")}


def active(env: dict[str, str]) -> Manifest:
    """Return the manifest of the active version, which loads."""
    return store.load(Path(env["MODELS_DIR"]), store.NO_PINS)[1]


def versions(env: dict[str, str]) -> list[str]:
    """Return the kept versions."""
    return [manifest.version for manifest in store.kept(Path(env["MODELS_DIR"]))]


def test_from_history_to_active_model(env: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """One run writes a model that loads and scores."""
    assert main([], env) == 0
    model, manifest = store.load(Path(env["MODELS_DIR"]), store.NO_PINS)
    assert model.score(simulate(np.random.default_rng(0), 10).matrix()).shape == (10,)
    assert manifest.training_rows == ROWS
    assert {"log_loss", "auc", "average_precision", "calibration_error"} <= manifest.metrics.keys()
    reference = Reference.read(manifest.reference, model.encoding)
    assert reference is not None
    assert reference.hours.sum() == ROWS
    assert f"version={manifest.version}" in capsys.readouterr().out


def test_a_second_run_does_nothing_and_keeps_a_rollback(
    env: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Any kept version that matches is enough, whatever version is active."""
    main([], env)
    first = active(env)
    main([], env | {"TRAINING_SEED": "1"})
    store.activate(Path(env["MODELS_DIR"]), first.content_sha256)
    capsys.readouterr()
    assert main([], env | {"TRAINING_SEED": "1"}) == 0
    assert "training skipped" in capsys.readouterr().out
    assert store.load(Path(env["MODELS_DIR"]), store.NO_PINS)[0].version == first.version


def test_a_kept_version_is_activated_where_none_is(env: dict[str, str]) -> None:
    """A deleted switch is restored without training."""
    main([], env)
    (Path(env["MODELS_DIR"]) / store.MANIFEST_FILE).unlink()
    assert main([], env) == 0
    assert [store.load(Path(env["MODELS_DIR"]), store.NO_PINS)[0].version] == versions(env)


def test_a_model_file_that_was_deleted_comes_back(env: dict[str, str]) -> None:
    """The kept version is copied to the plain name."""
    main([], env)
    path = Path(env["MODELS_DIR"]) / store.MODEL_FILE
    content = path.read_bytes()
    path.unlink()
    assert main([], env) == 0
    assert path.read_bytes() == content


def test_other_data_is_trained_on(env: dict[str, str]) -> None:
    """Another history is another version; the old one stays."""
    main([], env)
    make_data.write(Path(env["TRAINING_DATA"]), rows=ROWS, seed=2)
    main([], env)
    assert len(versions(env)) == 2


def test_force_trains_anyway_and_makes_the_same_bytes(env: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """The bytes are equal in another process with other hashes and more threads too."""
    main([], env)
    before = versions(env)
    assert main(["--force"], env) == 0
    assert "model trained" in capsys.readouterr().out
    path = os.pathsep.join(sys.path)
    other = os.environ | env | {"PYTHONHASHSEED": "7", "OPENBLAS_NUM_THREADS": "3", "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-m", "trainer", "--force"], env=other, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert versions(env) == before


def test_one_line_has_the_model_and_its_quality(
    env: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has which model was chosen, how good it is, and where its report is; the candidates are logged at debug."""
    monkeypatch.setattr(train, "_report", lambda *_: Path("models/report.html"))
    monkeypatch.setattr(fit, "_PROGRESS_EVERY_S", math.inf)
    main([], env | {"LOG_FORMAT": "json"})
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    shown = [line["event"] for line in lines if line["level"] == "info"]
    assert shown == ["file format", "history read", "training a model", "model trained"]
    trained, manifest = lines[-1], active(env)
    assert (trained["version"], trained["kind"]) == (manifest.version, manifest.kind)
    assert trained["average_precision"] == round(manifest.metrics["average_precision"], 2) > trained["by_chance"]
    assert trained["log_loss"] == round(manifest.metrics["log_loss"], 3)
    assert trained["cost_per_payment"] < trained["without_model"]
    assert trained["report"] == "models/report.html"
    assert trained["seconds"] > 0
    main(["--force"], env | {"LOG_FORMAT": "json", "LOG_LEVEL": "debug"})
    assert capsys.readouterr().out.count("candidate compared") == 4


def test_it_needs_no_network(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose gives it no network: neither for training, nor where there is nothing to train."""

    def refuse(*_: object) -> None:
        pytest.fail("the trainer must not use the network")

    for name in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for _ in range(2):
        assert main([], env) == 0


def test_the_pickle_needs_nothing_of_the_trainer(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The scorer's image has only scikit-learn, NumPy and the library."""
    main([], env)
    for name in list(sys.modules):
        if name.partition(".")[0] in {"trainer", "pandas"}:
            monkeypatch.setitem(sys.modules, name, None)
    assert store.load(Path(env["MODELS_DIR"]), store.NO_PINS)[0].version in versions(env)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"TRAINING_DATA": "/nowhere.csv"}, "no such file"),
        ({"TRAINING_SEED": "x"}, "TRAINING_SEED"),
        ({"COST_OF_FRAUD": "-1"}, "COST_OF_FRAUD"),
        ({"MIN_BLOCK_PROBABILITY": "50"}, "MIN_BLOCK_PROBABILITY"),
        ({"REVIEW_CAPACITY": "5"}, "REVIEW_CAPACITY"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_1(
    env: dict[str, str], capsys: pytest.CaptureFixture[str], change: dict[str, str], expected: str
) -> None:
    """There is no traceback."""
    assert main([], env | change) == 1
    lines = capsys.readouterr().out.strip().splitlines()
    assert expected in lines[-1]
    assert len(lines) == 1


def test_the_default_model_reaches_its_goals() -> None:
    """Trained on the shipped history, the model reaches its goals on 300,000 fresh payments of known probabilities.

    The log loss is near its goal (0.97 of 1 %; theory for 22 fitted numbers gives 0.83): another history may miss
    it, and so may this one after a correct change. Curves without products are at 2.7 %.
    """
    figures = quality.measure(SAMPLE, payments=300_000)
    assert [figure.name for figure in figures if not figure.reached] == []
    assert "log loss" in quality.table(figures)


def test_a_model_that_needs_it_is_calibrated(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The calibration function is part of the kept model."""
    found = calibrate.CalibrationFunction(rise=0.5, fall=0.5, shift=-1.0)
    main([], env)
    plain = store.load(Path(env["MODELS_DIR"]), store.NO_PINS)[0]
    monkeypatch.setattr(calibrate, "fit_function", lambda *_: found)
    assert main(["--force"], env) == 0
    calibrated = store.load(Path(env["MODELS_DIR"]), store.NO_PINS)[0]
    matrix = simulate(np.random.default_rng(0), 100).matrix()
    assert calibrated.score(matrix) == pytest.approx(calibrate.apply(found, plain.score(matrix)), abs=1e-3)
    assert calibrated.version != plain.version


def test_other_costs_give_another_version(env: dict[str, str]) -> None:
    """The model is the same, the thresholds differ; both versions are kept, and the manifest has the costs."""
    main([], env)
    before = active(env)
    assert main([], env | {"COST_OF_REVIEW": "0.5"}) == 0
    after = active(env)
    assert before.reference["costs"] == {"review": 5.0, "wrong_block": 25.0}
    assert after.reference["costs"] == {"review": 0.5, "wrong_block": 25.0}
    assert after.sha256 == before.sha256
    assert sorted(versions(env)) == sorted({before.version, after.version})
    assert len(versions(env)) == 2
    assert after.thresholds.review < before.thresholds.review
    assert (before.thresholds.block, after.thresholds.block) == (0.8, 0.98)
    model = store.rollback(Path(env["MODELS_DIR"]))
    assert (model.version, model.thresholds) == (before.version, before.thresholds)


def test_a_model_decides_by_the_costs_in_the_settings(env: dict[str, str]) -> None:
    """The manifest has the rule, and what it costs beside the fixed thresholds."""
    main([], env)
    model, manifest = store.load(Path(env["MODELS_DIR"]), store.NO_PINS)
    assert model.rule == manifest.rule == Costs(fraud=15.0, review=5.0, wrong_block=25.0, min_block=0.5)
    assert manifest.review_capacity is None
    metrics = manifest.metrics
    assert metrics["cost_per_payment_expected"] <= metrics["cost_per_payment_thresholds_expected"]
    assert metrics["cost_per_payment_thresholds_expected"] < metrics["cost_per_payment_all_approved"]
    other = env | {"COST_OF_FRAUD": "0", "MIN_BLOCK_PROBABILITY": "0.9"}
    assert main([], other) == 0
    assert active(env).rule == Costs(fraud=0.0, review=5.0, wrong_block=25.0, min_block=0.9)
    assert len(versions(env)) == 2


def test_a_capacity_raises_the_price_of_a_review(env: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """The manifest has the raised price in the rule, and the share; setting it back activates the version before."""
    main([], env)
    before = active(env)
    capsys.readouterr()
    assert main([], env | {"REVIEW_CAPACITY": "0.03"}) == 0
    assert "review capacity applied" in capsys.readouterr().out
    after = active(env)
    assert before.costs is not None
    assert after.costs is not None
    assert after.costs.review > before.costs.review == 5.0
    assert (after.review_capacity, after.sha256) == (0.03, before.sha256)
    assert after.metrics["share_reviewed"] < before.metrics["share_reviewed"]
    assert main([], env) == 0
    assert active(env).version == before.version


def test_costs_that_are_set_back_activate_their_version(env: dict[str, str]) -> None:
    """There is no training, unless a user activated another version; then the log has the command to change it."""
    main([], env)
    first = active(env)
    main([], env | {"COST_OF_REVIEW": "0.5"})
    second = active(env)
    assert main([], env) == 0
    assert active(env).version == first.version
    store.activate(Path(env["MODELS_DIR"]), second.content_sha256)
    assert main([], env) == 0
    assert active(env).version == second.version
    assert len(versions(env)) == 2


def test_a_model_of_an_earlier_release_is_not_trained_again(
    env: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Its manifest has the version of its file, and no hash of its rule."""
    main([], env)
    made = active(env)
    older(Path(env["MODELS_DIR"]), made)
    capsys.readouterr()
    assert main([], env) == 0
    assert "training skipped" in capsys.readouterr().out
    assert versions(env) == [made.version]


def test_the_composition_root_is_short() -> None:
    """It has at most 50 lines, so that the path of training is visible on one screen."""
    source = Path(sys.modules["trainer.__main__"].__file__ or "").read_text()
    assert len(source.splitlines()) <= 50
    assert ast.get_docstring(ast.parse(source))
