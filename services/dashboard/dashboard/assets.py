"""The page's files, read once: small, and under an address that changes with them, so that a browser may keep them.

All addresses are relative: a reverse proxy may show the page below any path.
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
    """All of them, with their types; `version` is a fingerprint of their bytes."""

    version: str
    index: str
    """The page, which names the files by their version, and all modules at once: a browser asks for them together."""
    files: dict[str, tuple[bytes, str]]

    @classmethod
    def read(cls, folder: Path = _HERE) -> Self:
        """Read the folder."""
        contents = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != _ENTRY}
        entry = (folder / _ENTRY).read_text(encoding="utf-8")
        version = hashlib.sha256(b"".join(contents.values()) + entry.encode()).hexdigest()[:_HASH_CHARACTERS]
        modules = (name for name in contents if name.endswith(".js"))
        preloads = "".join(f'  <link rel="modulepreload" href="static/{name}">\n' for name in modules)
        index = entry.replace("</head>", f"{preloads}</head>").replace('"static/', f'"static/{version}/')
        files = {name: (content, _type(name)) for name, content in contents.items()}
        return cls(version=version, index=index, files=files)


def _type(name: str) -> str:
    # not the machine's own idea of it: a module of any other type is refused
    return "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0] or "application/octet-stream"
