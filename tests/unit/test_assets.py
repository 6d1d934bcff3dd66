"""The page's files: an address changes exactly when the content does."""

import re
from pathlib import Path

from dashboard.assets import Assets


def test_all_files_that_the_page_names_exist() -> None:
    """Every file that index.html or a module's import names exists below the page; nothing is inline."""
    assets = Assets.read()
    named = re.findall(r'(?:src|href)="([^"#]+)"', assets.index)
    assert len(named) > 30
    for address in named:
        assert address.removeprefix(f"static/{assets.version}/") in assets.files, address
    for name, (content, kind) in assets.files.items():
        if name.endswith(".js"):
            assert kind == "text/javascript"
            imports = re.findall(r"from '\./([^']+)'", content.decode())
            assert set(imports) <= assets.files.keys(), name
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", content.decode()), (
                name
            )
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", assets.index)


def test_another_content_has_another_address(tmp_path: Path) -> None:
    """Other content has another address, so that browsers that cache for a year load it immediately."""
    (tmp_path / "index.html").write_text('<head><script src="static/a.js"></script></head>')
    (tmp_path / "a.js").write_text("1")
    before = Assets.read(tmp_path)
    (tmp_path / "a.js").write_text("2")
    after = Assets.read(tmp_path)
    assert before.version != after.version
    assert f'src="static/{after.version}/a.js"' in after.index
    assert f'<link rel="modulepreload" href="static/{after.version}/a.js">' in after.index
