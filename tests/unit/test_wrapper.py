"""The script `./fraudstream`, with a `docker` that prints its folder, its arguments and its input."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "fraudstream"
_DOCKER = """#!/bin/sh
pwd
printf '<%s>' "$@"
echo
[ -t 0 ] || cat
exit 7
"""
RUN = ["compose", "run", "--rm"]


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Return a PATH with the `docker` of this module."""
    docker = tmp_path / "docker"
    docker.write_text(_DOCKER, encoding="utf-8")
    docker.chmod(0o755)
    return f"{tmp_path}:/usr/bin:/bin"


def run(path: str, *arguments: str, data: str = "", cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the script in a pipe."""
    env = {"PATH": path, "CDPATH": "/"}
    return subprocess.run(
        [f"./{os.path.relpath(SCRIPT, cwd)}", *arguments],
        cwd=cwd,
        env=env,
        input=data,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ["cli"]),
        (["verify", "--without-csv"], ["cli", "verify", "--without-csv"]),
        (["archive", "hourly"], ["archive", "hourly"]),
        (["archive"], ["archive"]),
        (["erase", "--key", "a b"], ["erase", "--key", "a b"]),
        (["dlq", "erase", "*", ""], ["cli", "dlq", "erase", "*", ""]),
    ],
)
def test_arguments(path: str, tmp_path: Path, arguments: list[str], expected: list[str]) -> None:
    """From any folder, the service runs in the project's folder, with the arguments as they are."""
    done = run(path, *arguments, data="piped", cwd=tmp_path)
    folder, given, piped = done.stdout.split("\n")
    assert folder == str(ROOT)
    assert given == "".join(f"<{one}>" for one in [*RUN, "-T", *expected])
    assert piped == "piped"
    assert (done.returncode, done.stderr) == (7, "")


def test_a_link(path: str, tmp_path: Path) -> None:
    """Through links in PATH, of any depth, the service runs in the project's folder."""
    (tmp_path / "one").symlink_to(SCRIPT)
    (tmp_path / "fs").symlink_to("one")
    done = subprocess.run(["fs"], cwd="/", env={"PATH": path}, input=b"", stdout=subprocess.PIPE, check=False)
    assert done.stdout.decode().splitlines()[0] == str(ROOT)


def test_a_terminal(path: str) -> None:
    """On a terminal, the container gets one; with a redirected output it does not."""
    terminal, end = pty.openpty()
    subprocess.run([SCRIPT, "verify"], env={"PATH": path}, stdin=end, stdout=end, check=False, timeout=60)
    redirected = subprocess.run(
        [SCRIPT, "verify"], env={"PATH": path}, stdin=end, stdout=subprocess.PIPE, check=False, timeout=60
    )
    shown = os.read(terminal, 10_000)
    os.close(terminal)
    os.close(end)
    assert b"<-T>" not in shown
    assert b"<cli><verify>" in shown
    assert b"<-T>" in redirected.stdout


def test_without_docker(tmp_path: Path) -> None:
    """The message names what is missing."""
    for name in ("sh", "dirname", "readlink"):
        (tmp_path / name).symlink_to(f"/bin/{name}" if Path(f"/bin/{name}").exists() else f"/usr/bin/{name}")
    done = run(str(tmp_path), "verify")
    assert done.returncode == 127
    assert "docker is not installed" in done.stderr


def test_it_is_portable() -> None:
    """The script is executable and valid, and no Python module has its name."""
    assert os.access(SCRIPT, os.X_OK)
    subprocess.run(["sh", "-n", SCRIPT], check=True, timeout=60)
    import fraudstream

    assert Path(str(fraudstream.__file__)).parent == ROOT / "shared/src/fraudstream"
