"""The public modules of the library, which its docstring lists."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

import fraudstream

PUBLIC = re.findall(r"^- `(fraudstream[.\w]+)`:", fraudstream.__doc__ or "", re.MULTILINE)
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


def _names_used(tree: ast.Module) -> set[tuple[str, str]]:
    """Return the names of the library that a program uses, each with its module."""
    used: set[tuple[str, str]] = set()
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            used |= {(one.name, "") for one in node.names if one.name.startswith("fraudstream")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fraudstream"):
            for one in node.names:
                if (module := f"{node.module}.{one.name}") in PUBLIC:
                    modules[one.asname or one.name] = module
                else:
                    used.add((node.module or "", one.name))
    attributes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return used | {
        (modules[node.value.id], node.attr)
        for node in attributes
        if isinstance(node.value, ast.Name) and node.value.id in modules
    }


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_exist(name: str) -> None:
    """Each public module has an `__all__`, whose names it defines."""
    module = import_module(name)
    assert module.__all__
    assert [one for one in module.__all__ if not hasattr(module, one)] == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_examples_use_public_names_only(example: Path) -> None:
    """An example shows nothing that may change in any release."""
    used = _names_used(ast.parse(example.read_text(encoding="utf-8")))
    assert {(module, name) for module, name in used if module not in PUBLIC} == set()
    assert {(module, name) for module, name in used if name not in import_module(module).__all__} == set()


def test_an_example_uses_the_library() -> None:
    """The test above finds the names that an example uses, also those of an imported module."""
    used = set[tuple[str, str]]().union(*(_names_used(ast.parse(one.read_text(encoding="utf-8"))) for one in EXAMPLES))
    assert {("fraudstream.model.encoding", "Encoding"), ("fraudstream.model.store", "save")} <= used
