"""Another model takes over while running, or is refused and leaves the one in use alone."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.integration.scorer import save_model

from fraudstream import artifact
from fraudstream.errors import ModelUnfitError
from fraudstream.settings import ModelSettings
from scorer.champion import Champion
from scorer.service import champion


def made(folder: Path, **env: str) -> Champion:
    """Over the models in `folder`."""
    return champion(ModelSettings.from_env({"MODELS_DIR": str(folder), **env}))


def looked(holder: Champion) -> list[str]:
    """What it logs when it looks."""
    with capture_logs() as lines:
        asyncio.run(holder.look())
    return [line["event"] for line in lines]


def test_another_model_takes_over(tmp_path: Path) -> None:
    """Once, with its version; a rollback does the same."""
    first = save_model(tmp_path)
    holder = made(tmp_path)
    assert looked(holder) == []
    second = save_model(tmp_path, strength=0.01)
    assert looked(holder) == ["model swapped"]
    assert holder.model.version == second.version
    assert looked(holder) == []
    artifact.rollback(tmp_path)
    assert looked(holder) == ["model swapped"]
    assert holder.model.version == first.version


def test_another_rule_of_the_same_model_takes_over(tmp_path: Path) -> None:
    """It is another version; a rollback brings model and rule back together."""
    first = save_model(tmp_path)
    holder = made(tmp_path)
    second = save_model(tmp_path, review=0.3)
    assert first.sha256 == second.sha256
    assert looked(holder) == ["model swapped"]
    assert (holder.model.version, holder.model.thresholds.review) == (second.version, 0.3)
    artifact.rollback(tmp_path)
    assert looked(holder) == ["model swapped"]
    assert (holder.model.version, holder.model.thresholds.review) == (first.version, 0.1)


def test_overridden_thresholds_are_another_version(tmp_path: Path) -> None:
    """The log names both, at the start and with each model that takes over."""
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


def test_what_is_refused_changes_nothing(tmp_path: Path) -> None:
    """Said once; mended, it takes over."""
    first = save_model(tmp_path)
    holder = made(tmp_path)
    second = save_model(tmp_path, strength=0.01)
    places = [
        tmp_path / artifact.MODEL_FILE,
        tmp_path / artifact.VERSIONS / second.content_sha256 / artifact.MODEL_FILE,
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
    switch = (tmp_path / artifact.MANIFEST_FILE).read_bytes()
    (tmp_path / artifact.MANIFEST_FILE).unlink()
    assert looked(holder) == ["model refused"]
    assert holder.model.version == second.version
    (tmp_path / artifact.MANIFEST_FILE).write_bytes(switch)
    assert looked(holder) == ["model stays"]
    assert holder.refused is None


def test_only_a_pinned_model_is_used(tmp_path: Path) -> None:
    """At start and while running."""
    first = save_model(tmp_path)
    holder = made(tmp_path, MODEL_SHA256=f"{first.content_sha256}, {'0' * 64}")
    save_model(tmp_path, strength=0.01)
    assert looked(holder) == ["model refused"]
    assert "not among the pinned ones" in (holder.refused or "")
    with pytest.raises(ModelUnfitError, match="pinned"):
        made(tmp_path, MODEL_SHA256="0" * 64)
