"""The page's files, read once; their URLs contain a hash of their content, so that browsers may cache them.

All URLs are relative: a reverse proxy may serve the page below any path.
"""

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_HERE = Path(__file__).parent / "static"
_ENTRY = "index.html"
_HASH_CHARACTERS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Assets:
    """The page's files by name, with their types; `version` is a hash of their bytes."""

    version: str
    index: str
    """The HTML page; its URLs contain the version, and it preloads all modules, so that they load in parallel."""
    files: dict[str, tuple[bytes, str]]

    @classmethod
    def read(cls, folder: Path = _HERE) -> Self:
        """Read all files of the folder."""
        contents = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != _ENTRY}
        entry = (folder / _ENTRY).read_text(encoding="utf-8")
        version = hashlib.sha256(b"".join(contents.values()) + entry.encode()).hexdigest()[:_HASH_CHARACTERS]
        modules = (name for name in contents if name.endswith(".js"))
        preloads = "".join(f'  <link rel="modulepreload" href="static/{name}">\n' for name in modules)
        index = entry.replace("</head>", f"{preloads}</head>").replace('"static/', f'"static/{version}/')
        files = {name: (content, _type(name)) for name, content in contents.items()}
        return cls(version=version, index=index, files=files)


def _type(name: str) -> str:
    # not from the machine's type registry: browsers refuse modules of any other type
    return "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0] or "application/octet-stream"
