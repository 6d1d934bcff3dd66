"""`make pin-images` on copies of the files, with a stub of the registry."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKER = """#!/bin/sh
test "$1 $2 $3" = "buildx imagetools inspect" || exit 64
for image; do :; done
case $image in *$UNKNOWN*) echo "$image: not found" >&2; exit 1 ;; esac
printf 'sha256:%s' "$(printf '%s' "$image$SALT" | sha256sum | cut -c1-64)"
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Provide the script and the files that it changes, without digests, and a `docker` stub that returns digests."""
    for source in (ROOT / "docker-compose.yml", ROOT / "Dockerfile", *ROOT.glob("services/*/Dockerfile")):
        copy = tmp_path / source.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(re.sub(r"@sha256:\w+", "", source.read_text(encoding="utf-8")), encoding="utf-8")
    docker = tmp_path / "bin/docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER, encoding="utf-8")
    docker.chmod(0o755)
    return tmp_path


def test_every_image_of_others_gets_its_digest(clone: Path) -> None:
    """The Compose file and each stage of each Dockerfile get digests; nothing else changes."""
    before = _texts(clone)
    assert _pin(clone).returncode == 0
    after = _texts(clone)
    assert {path: re.sub(r"@sha256:[0-9a-f]{64}", "", text) for path, text in after.items()} == before
    named = [
        line for text in after.values() for line in re.findall(r"^(?: *image:|FROM) (\S+:.*)$", text, re.MULTILINE)
    ]
    assert len(named) == 5 + 2 + 1
    assert [line for line in named if not re.match(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}( AS tools)?$", line)] == []


def test_another_digest_replaces_the_one_before(clone: Path) -> None:
    """Another run after the tag has moved replaces the digest."""
    _pin(clone)
    before = _texts(clone)
    _pin(clone, salt="moved")
    after = _texts(clone)
    digests = [set(re.findall(r"sha256:\w+", "".join(texts.values()))) for texts in (before, after)]
    assert len(digests[0]) == len(digests[1]) == 7
    assert not digests[0] & digests[1]
    assert "".join(after.values()).count("@sha256:") == "".join(before.values()).count("@sha256:")


def test_nothing_changes_where_the_registry_does_not_answer(clone: Path) -> None:
    """The error names the image, and no file is changed, not even in part."""
    before = _texts(clone)
    done = _pin(clone, unknown="prometheus")
    assert done.returncode != 0
    assert "prom/prometheus" in done.stderr
    assert _texts(clone) == before


def _pin(clone: Path, salt: str = "", unknown: str = "nothing-unknown") -> subprocess.CompletedProcess[str]:
    path = f"{clone / 'bin'}:{Path(shutil.which('sh') or '/bin/sh').parent}:/usr/bin:/bin"
    environment = {"PATH": path, "SALT": salt, "UNKNOWN": unknown}
    command = ["sh", str(ROOT / ".ci/pin-images")]
    return subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)


def _texts(clone: Path) -> dict[Path, str]:
    return {
        path: path.read_text(encoding="utf-8") for path in clone.rglob("*") if path.is_file() and path.name != "docker"
    }
