"""`fraudstream model …` on real folders."""

import json
from pathlib import Path

import pytest
from tests.integration.trained import save_model
from tests.unit.test_artifact import save

from cli.__main__ import main
from fraudstream.model import store
from fraudstream.model.decision import Costs


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide the models folder that the command uses."""
    monkeypatch.setenv("MODELS_DIR", str(tmp_path))
    return tmp_path


def output_of(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    """Return the output of the command."""
    assert main(["model", *arguments]) == code
    return capsys.readouterr().out


def test_promote_and_roll_back(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The active mark and the files move to the version, and each rollback leads one version further back."""
    first, second, third = (save_model(models, strength) for strength in (1.0, 0.1, 0.01))
    assert [line.split()[0] for line in output_of(capsys, "list").splitlines()].count("*") == 1
    assert third.version in output_of(capsys, "show")
    for expected in (second, first):
        assert expected.version in output_of(capsys, "rollback")
        assert store.load(models, store.NO_PINS)[0].version == expected.version
    assert "there is no previous model" in output_of(capsys, "rollback", code=1)
    assert third.version in output_of(capsys, "promote", third.version[:8])
    assert store.load(models, store.NO_PINS)[0].version == third.version
    assert json.loads(output_of(capsys, "show", first.version))["sha256"] == first.sha256


def test_overridden_thresholds_are_named(
    models: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The output has the version that scorers then publish; the output of `show` is still JSON."""
    manifest = save_model(models)
    monkeypatch.setenv("BLOCK_THRESHOLD", "0.7")
    published = manifest.with_thresholds(None, 0.7).version
    assert published in output_of(capsys, "list")
    assert main(["model", "show"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["content_sha256"] == manifest.content_sha256
    assert f"{manifest.version} scores as model_version {published}" in err


def test_both_rules_of_a_model_are_listed(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Training with other costs overwrites nothing, and each version is promoted by its own name."""
    one, two = save_model(models), save_model(models, review=0.3)
    listed = output_of(capsys, "list")
    assert all(manifest.version in listed for manifest in (one, two))
    output_of(capsys, "promote", one.version)
    assert store.load(models, store.NO_PINS)[0].thresholds.review == 0.1
    output_of(capsys, "rollback")
    assert store.load(models, store.NO_PINS)[0].thresholds.review == 0.3


def test_the_rule_of_each_version_is_listed(
    models: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thresholds, or costs; thresholds in the settings replace costs."""
    save(models)
    priced = save(models, costs=Costs(fraud=15.0, review=5.5, wrong_block=25.0, min_block=0.5))
    listed = output_of(capsys, "list")
    assert "thresholds 0.100, 0.500" in listed
    assert "cost: fraud 15, review 5.5, wrong block 25; blocks from 0.5" in listed
    shown = json.loads(output_of(capsys, "show"))
    assert shown["costs"] == {"fraud": 15.0, "review": 5.5, "wrong_block": 25.0, "min_block": 0.5}
    monkeypatch.setenv("REVIEW_THRESHOLD", "0.2")
    published = priced.with_thresholds(0.2, None).version
    assert f"with review 0.2 and block 0.5, {priced.version} scores as model_version {published}" in output_of(
        capsys, "list"
    )


@pytest.mark.parametrize("arguments", [("list",), ("show",), ("promote", "abc"), ("rollback",)])
def test_without_models(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """The message is one line with the remedy."""
    assert main(["model", *arguments]) == 1
    assert "Traceback" not in "".join(capsys.readouterr())


def test_a_prefix_of_no_version_or_of_several(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error lists the kept versions."""
    made = [save_model(models, strength) for strength in (1.0, 0.1)]
    assert all(manifest.version in output_of(capsys, "promote", "zz", code=1) for manifest in made)
    for arguments in (("promote", ""), ("promote", " "), ("challenge", ""), ("show", "")):
        capsys.readouterr()
        assert "the version is empty" in output_of(capsys, *arguments, code=1)


def test_an_empty_text_does_not_name_the_only_version(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every version begins with it: an unset variable in a script must not promote one, nor end a challenge."""
    manifest = save_model(models)
    output_of(capsys, "challenge", manifest.version)
    switch, challenger = models / store.MANIFEST_FILE, models / store.CHALLENGER_FILE
    before = switch.read_bytes(), challenger.read_bytes()
    for command in ("promote", "challenge", "show"):
        assert manifest.version in output_of(capsys, command, "", code=1)
    assert (switch.read_bytes(), challenger.read_bytes()) == before


@pytest.mark.parametrize("last", ["0", "-1", "", "1e3", "x"])
def test_an_invalid_number_of_payments(last: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An invalid number is refused before anything is read."""
    with pytest.raises(SystemExit) as ended:
        main(["model", "compare", f"--last={last}"])
    assert ended.value.code == 2
    assert "is not a whole number above zero" in capsys.readouterr().err


def test_an_unpinned_version_is_not_activated(
    models: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scorers would refuse the unpinned version; the pinned one can be promoted."""
    first, second = save_model(models), save_model(models, review=0.3)
    monkeypatch.setenv("MODEL_SHA256", second.content_sha256)
    for arguments in (("promote", first.version), ("rollback",), ("challenge", first.version)):
        assert "MODEL_SHA256" in output_of(capsys, *arguments, code=1)
    active = store.active(models)
    assert active is not None
    assert active.version == second.version
    assert not (models / store.CHALLENGER_FILE).exists()
    output_of(capsys, "promote", second.version)
