"""Manifests that are wrong or damaged: refused in one line, or deciding the same."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz import cases, examples
from tests.unit.test_artifact import refused, save

from fraudstream.errors import ModelUnfitError
from fraudstream.model import store
from fraudstream.model.manifest import (
    Manifest,
    encode,
    parse_manifest,
    read_manifest,
)
from fraudstream.runtime.escaping import visible

sha256s = st.text("0123456789abcdef", min_size=64, max_size=64)


def _edited(find: str, replace: str) -> Callable[[str], str]:
    return lambda text: text.replace(find, replace, 1)


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (_edited('"auc": 0.9', '"auc": NaN'), "the number NaN is not finite"),
        (_edited('"auc": 0.9', '"auc": -Infinity'), "is not finite"),
        (_edited('"reference": {}', '"reference": {"costs": 1e999}'), "the number 1e999 is not finite"),
        (_edited('"kind"', '"kind": "b", "kind"'), "the key kind appears twice"),
        (_edited('"review": 0.1', '"review": 0.1, "review": 0.2'), "the key review appears twice"),
        (_edited('"review": 0.1', '"review": "0.1"'), "thresholds.review"),
        (_edited('"review": 0.1', '"review": true'), "thresholds.review"),
        (_edited('"review": 0.1', '"review": 0.7'), "review must not be above block"),
        (_edited('"block": 0.5', '"block": 1.5'), "thresholds.block"),
        (_edited('"training_rows": 200', '"training_rows": 200.0'), "training_rows"),
        (_edited('"training_rows": 200', '"training_rows": ' + "9" * 5000), "digits"),
        (_edited('"kind": "test"', '"kind": "<script>"'), "kind"),
        (_edited('"kind": "test"', '"kind": "a\\nb"'), "kind"),
        (_edited('"settings": "none"', '"settings": "\\u001b[2J"'), "settings"),
        (_edited('"auc": 0.9', '"\\u001b[2J\\u202e": 0.9'), "metrics"),
        (_edited('"version": "', '"version": "=1+1'), "version"),
        (_edited('"reference": {}', '"reference": {"payment": {"amount": "5"}}'), "payment must hold finite numbers"),
        (_edited('"reference": {}', '"reference": {"payment": {"amount": true}}'), "payment must hold finite numbers"),
        (_edited('"reference": {}', '"reference": {"payment": [1, 2]}'), "payment must hold finite numbers"),
        (_edited('"older_version": null', '"older_version": "aaaaaaaaaaaa"'), "older_version must be the beginning"),
        (_edited('"reference": {}', '"reference": ' + "[" * 100_000), "the file"),
        (lambda text: text.encode("utf-16").decode("latin-1"), "the file"),
    ],
)
def test_a_manifest_that_is_wrong_is_one_clear_line(tmp_path: Path, edit: Callable[[str], str], expected: str) -> None:
    """The message names the problem, and no control character reaches the log."""
    save(tmp_path)
    path = tmp_path / store.MANIFEST_FILE
    before = path.read_text()
    path.write_text(edit(before), encoding="latin-1")
    assert path.read_text(encoding="latin-1") != before
    problem = refused(tmp_path)
    assert expected in problem
    assert "is not a manifest" in problem
    assert problem.isprintable()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(300))
@given(place=st.integers(0, 5_000), junk=st.binary(max_size=6), cut=st.integers(0, 6))
def test_a_damaged_manifest_is_refused_or_decides_the_same(tmp_path: Path, place: int, junk: bytes, cut: int) -> None:
    """Whatever bytes change, the result is one printable line, or a manifest with the same decisions."""
    folder = tmp_path / "models"
    manifest = store.active(folder) or save(folder)
    content = encode(manifest)
    place %= len(content)
    path = tmp_path / "damaged.json"
    path.write_bytes(content[:place] + junk + content[place + cut :])
    found = problem = None
    try:
        found = read_manifest(path)
    except ModelUnfitError as error:
        problem = str(error)
    assert problem is None or visible(problem) == problem
    assert found is None or found.content_sha256 == manifest.content_sha256


TOKENS = (
    b"NaN",
    b"1e999",
    b"-1",
    b"null",
    b"[[",
    b"{}",
    b'"\\u202e"',
    b"\x1b[2J",
    b"\xff",
    b"9" * 400,
    b'"version":',
    b"0.999999",
)


def _mutated(content: bytes, rng: random.Random) -> bytes:
    """Return `content` after one to three edits: bytes replaced, removed, repeated, or a token in place of another."""
    for _ in range(rng.randint(1, 3)):
        place, length = rng.randrange(len(content) + 1), rng.randint(0, 8)
        token = rng.choice((rng.randbytes(rng.randint(0, 6)), *TOKENS, content[place : place + 4 * length]))
        content = content[:place] + token + content[place + length :]
    return content


def _parsed(content: bytes) -> Manifest | ModelUnfitError:
    try:
        return parse_manifest(Path("m.json"), content)
    except ModelUnfitError as error:
        return error


def test_damaged_manifests(tmp_path: Path) -> None:
    """Each is refused in one printable line, or decides as before under the same hash; seeded."""
    folder = tmp_path / "models"
    save(folder)
    content = (folder / store.MANIFEST_FILE).read_bytes()
    manifest = read_manifest(folder / store.MANIFEST_FILE)
    rng, refusals, count = random.Random(14), 0, cases(100_000)
    for _ in range(count):
        found = _parsed(_mutated(content, rng))
        if isinstance(found, ModelUnfitError):
            refusals += 1
            assert visible(str(found)) == str(found)
        else:
            assert found.content_sha256 == manifest.content_sha256
            assert all(text.isprintable() for text in (found.kind, found.settings, *found.metrics, *found.features))
    assert count // 2 < refusals < count
