"""Every entry point that reads a model: with MODEL_SHA256, only a pinned pickle is unpickled.

`tests/integration/test_demo.py` starts the demo, whose trainer is another process.
"""

import ast
import asyncio
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from tests.integration.scorer import payment
from tests.integration.trained import save_model

import scorer.__main__
import trainer.__main__
from cli import __main__ as cli
from fraudstream.model import store
from fraudstream.model.fraud_model import Classifier, Thresholds
from fraudstream.model.manifest import Manifest
from fraudstream.payment_schema import default_schema
from fraudstream.runtime.run import run
from fraudstream.runtime.settings import ModelSettings, TrainingSettings
from scorer.challenger import Challenger
from scorer.champion import active_champion
from trainer import history, make_data, train

ROOT = Path(__file__).parents[2]
OTHER = "0" * 64
ROWS = 300


class Payload:
    """An object that creates the folder `trace` when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        """Create the folder."""
        return os.mkdir, (str(self.trace),)


class Scene:
    """A models folder that another user can write to, and the environment of its readers."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.models, self.trace = folder, folder / "models", folder / "trace"
        data = folder / "history.csv"
        make_data.write(data, rows=ROWS)
        self.payments = folder / "payments.jsonl"
        self.payments.write_bytes(payment(1) + b"\n")
        self.env = {
            "MODELS_DIR": str(self.models),
            "MODEL_SHA256": OTHER,
            "TRAINING_DATA": str(data),
            "CSV_PATH": str(folder / "scores.csv"),
            "HEARTBEAT_FILE": str(folder / "heartbeat"),
            "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
        }

    def plant(self) -> Manifest:
        """Add a complete model whose pickle is a payload, and which the trainer accepts as its own."""
        settings = TrainingSettings.from_env(self.env)
        return store.save(
            self.models,
            cast("Classifier", Payload(self.trace)),
            kind="test",
            thresholds=Thresholds(review=0.1, block=0.5),
            training_sha256=history.read(settings.data, default_schema()).sha256,
            training_rows=ROWS,
            settings=train.fingerprint(settings, default_schema()),
            metrics={},
        )


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Provide a scene with the environment of this process."""
    made = Scene(tmp_path)
    for name, value in made.env.items():
        monkeypatch.setenv(name, value)
    return made


def _scorer(_: Scene) -> int:
    return run(scorer.__main__.main)


def _score(scene: Scene) -> int:
    return cli.main(["score", str(scene.payments)])


def _trainer(scene: Scene) -> int:
    return trainer.__main__.main([], scene.env)


def _promote(scene: Scene) -> int:
    return cli.main(["model", "promote", store.kept(scene.models)[0].version])


def _rollback(scene: Scene) -> int:
    planted = store.kept(scene.models)[0].content_sha256
    save_model(scene.models)
    assert store.previous(scene.models).content_sha256 == planted
    return cli.main(["model", "rollback"])


def _challenge(scene: Scene) -> int:
    return cli.main(["model", "challenge", store.kept(scene.models)[0].version])


STARTS = [_scorer, _score, _trainer, _promote, _rollback, _challenge]


@pytest.mark.parametrize("start", STARTS, ids=lambda start: start.__name__.strip("_"))
def test_a_planted_pickle_does_not_run(
    scene: Scene, start: Callable[[Scene], int], capsys: pytest.CaptureFixture[str]
) -> None:
    """The command ends with one line that names the variable."""
    scene.plant()
    assert start(scene) != 0
    out, err = capsys.readouterr()
    assert not scene.trace.exists()
    assert "MODEL_SHA256" in out + err
    assert "Traceback" not in out + err


@pytest.mark.parametrize("command", ["list", "show"])
def test_describing_a_model_does_not_run_it(scene: Scene, command: str) -> None:
    """Nothing is unpickled, pinned or not."""
    scene.plant()
    assert cli.main(["model", command]) == 0
    assert not scene.trace.exists()


def test_without_a_pin_only_integrity_is_checked(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who can write to the folder can run code in scoring; not in the trainer, which only checks hashes."""
    scene.plant()
    monkeypatch.delenv("MODEL_SHA256")
    del scene.env["MODEL_SHA256"]
    assert _trainer(scene) == 0
    assert not scene.trace.exists()
    assert _score(scene) == 1  # the payload is not a classifier
    assert scene.trace.is_dir()


def test_the_current_models_stay_at_run_time(scene: Scene) -> None:
    """Neither champion nor challenger is replaced by a planted model."""
    first, second = save_model(scene.models, 0.1), save_model(scene.models)
    settings = ModelSettings.from_env(scene.env | {"MODEL_SHA256": f"{first.content_sha256},{second.content_sha256}"})
    store.challenge(scene.models, first.content_sha256)
    holder = active_champion(settings, default_schema())
    challenger = Challenger(load=lambda: store.load_challenger(settings.models_dir, settings.pinned))
    asyncio.run(challenger.look())
    assert challenger.model is not None
    store.challenge(scene.models, scene.plant().content_sha256)
    asyncio.run(holder.look())
    asyncio.run(challenger.look())
    assert holder.model.version == second.version
    assert "MODEL_SHA256" in (holder.refused or "")
    assert challenger.model is None
    assert not scene.trace.exists()


def test_the_trainer_leaves_the_pinned_version_active(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """It does so beside an intact version of the same settings, and returns to the pinned one."""
    pinned = save_model(scene.models)
    env = scene.env | {"MODEL_SHA256": pinned.content_sha256}
    planted = scene.plant()
    assert trainer.__main__.main([], env) == 1
    assert "MODEL_SHA256" in capsys.readouterr().out
    store.rollback(scene.models)
    assert trainer.__main__.main([], env) == 0
    active = store.active(scene.models)
    assert active is not None
    assert active.version == pinned.version != planted.version
    assert not scene.trace.exists()


def _calls(path: Path) -> set[str]:
    """Return the dotted names that are called in a Python file, and the modules that it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    imports = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    return calls | {f"import {name}" for name in imports}


UNPICKLING = {
    *(f"{module}.{name}" for module in ("joblib", "pickle", "dill", "cloudpickle") for name in ("load", "loads")),
    *(f"import {name}" for name in ("pickle", "dill", "cloudpickle", "shelve", "marshal")),
    "pickle.Unpickler",
    "pd.read_pickle",
    "torch.load",
}


def test_one_module_unpickles_and_has_few_callers() -> None:
    """A new caller must be added to the table above."""
    places = {
        str(path.relative_to(ROOT)): _calls(path)
        for folder in ("shared/src", "services", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
    }
    contenders = {"benchmarks/programs/plain_loop.py", "benchmarks/programs/quixstreams_scorer.py"}
    assert {place for place, calls in places.items() if calls & UNPICKLING} == {
        "shared/src/fraudstream/model/checks.py",
        *contenders,  # of a model that the benchmark has just trained
    }
    loading = {"store.load", "store.load_challenger", "make_model", "checks.make_model"}
    assert {place: calls & loading for place, calls in places.items() if calls & loading} == {
        "shared/src/fraudstream/model/store.py": {"make_model"},
        "services/cli/cli/score/command.py": {"store.load"},
        "services/scorer/scorer/__main__.py": {"store.load_challenger"},
        "services/scorer/scorer/champion.py": {"store.load"},
        "benchmarks/models.py": {"store.load"},
        "benchmarks/scored.py": {"store.load"},
    }


def test_pins_have_no_default() -> None:
    """A setting without a default can't be forgotten."""
    for function in (store.load, store.load_challenger, store.repair):
        assert inspect.signature(function).parameters["pins"].default is inspect.Parameter.empty


@pytest.mark.parametrize("text", ["abc", "A" * 64, f"{OTHER},", f"{OTHER} {OTHER}", "sha256:" + OTHER])
def test_an_invalid_pin_is_explained(scene: Scene, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The error is a sentence, not a regular expression; the pin admits nothing."""
    scene.plant()
    scene.env["MODEL_SHA256"] = text
    assert _trainer(scene) == 1
    out = capsys.readouterr().out
    assert "MODEL_SHA256: must be the content_sha256 of a model, 64 characters" in out
    assert "pattern" not in out
