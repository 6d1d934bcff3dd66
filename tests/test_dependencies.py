"""Licences and software bills of materials cover what the images install."""

import json
import re
from pathlib import Path

from tests.missing import skip

ROOT = Path(__file__).parents[1]
LOCKS = {path.parent.name: path for path in sorted(ROOT.glob("services/*/requirements.lock"))}

Package = tuple[str, str]


def test_licences_of_all_packages() -> None:
    """docs/licences.md lists every package of every image with its version and licence; `make licences` updates it."""
    text = (ROOT / "docs/licences.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\S+) \| (\S+) \| (.*) \|$", text, re.MULTILINE)[1:]
    assert {(_normal(name), version) for name, version, _ in rows} == set().union(*map(_locked, LOCKS.values()))
    assert [name for name, _, licence in rows if licence in {"", "UNKNOWN"}] == []


def test_copyleft_packages_are_known() -> None:
    """Copyleft packages, which place obligations on a distributor, are explained above the table."""
    text = (ROOT / "docs/licences.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\S+) \| \S+ \| (.*GPL.*|.*MPL.*) \|$", text, re.MULTILINE)
    assert {name for name, _ in rows} == {"psycopg", "psycopg-binary"}
    assert "**psycopg and psycopg-binary** (archiver only)" in text
    assert [image for image, lock in LOCKS.items() if any(name == "psycopg" for name, _ in _locked(lock))] == [
        "archiver"
    ]


def test_a_bill_of_materials_for_each_image() -> None:
    """`make sbom` writes valid CycloneDX with the packages of each image's lock, their hashes included."""
    for image, lock in LOCKS.items():
        file = ROOT / f"dist/sbom/{image}.cdx.json"
        _require_newer(file, lock)
        bill = json.loads(file.read_text(encoding="utf-8"))
        assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
        assert {(one["name"], one["version"]) for one in bill["components"]} == _locked(lock)
        assert all(one["externalReferences"][0]["hashes"] for one in bill["components"])


def test_tools_are_hashed() -> None:
    """The environment of the tools is installed by hash, like all others."""
    lock = (ROOT / ".ci/audit.lock").read_text(encoding="utf-8")
    pinned = re.findall(r"^[a-z0-9-]+==.*\\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", lock, re.MULTILINE)
    assert "".join(pinned) == lock


def _locked(lock: Path) -> set[Package]:
    found = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    return {(_normal(name), version) for name, version in found}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _require_newer(file: Path, lock: Path) -> None:
    if not file.exists() or file.stat().st_mtime < lock.stat().st_mtime:
        skip("needs `make sbom`")
