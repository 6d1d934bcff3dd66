"""Write every source file and its first sentence into docs/architecture.md; `--check` only compares."""

import ast
import re
import sys
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs/architecture.md"
BEGIN, END = "<!-- files: written by `make files` -->\n", "<!-- end of files -->\n"
_SENTENCE = re.compile(r"(.+?)(?:\. |\.?$)", re.DOTALL)


def purpose(path: Path) -> str:
    """Return the first sentence of a module's docstring."""
    words = " ".join((ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split())
    found = _SENTENCE.match(words)
    return (found[1] if found else "").replace("|", "\\|")


def table() -> str:
    """Return one table per folder, in the order of the folders' names."""
    paths = [*ROOT.glob("shared/src/**/*.py"), *ROOT.glob("services/*/*/**/*.py"), *ROOT.glob("examples/*.py")]
    lines = []
    for folder, files in groupby(
        sorted(paths, key=lambda path: (path.parent, path.name)), key=lambda path: path.parent
    ):
        modules = list(files)
        package = folder / "__init__.py"
        head = f": {purpose(package)}" if package in modules else ""
        lines.append(f"\n**`{folder.relative_to(ROOT)}/`**{head}\n\n| file | purpose |\n|---|---|\n")
        lines += [f"| `{one.name}` | {purpose(one)} |\n" for one in modules if one != package]
    return "".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Write the list, or compare it."""
    before = DOCUMENT.read_text(encoding="utf-8")
    head, rest = before.split(BEGIN)
    after = f"{head}{BEGIN}{table()}{END}{rest.split(END)[1]}"
    if "--check" not in arguments:
        DOCUMENT.write_text(after, encoding="utf-8")
    elif after != before:
        print("docs/architecture.md: its list of files is not current; run: make files")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
