"""Contents, links and commands of the documents; tests/e2e/documents.py runs the commands."""

import re

import pytest
from tests.documents import structure
from tests.documents.blocks import Block, blocks, commands
from tests.documents.files import ROOT, documents

DOCUMENTS = documents()
FEW_HEADINGS = 4
WITHOUT_CONTENTS = {"README.md", "CHANGELOG.md", "benchmarks/README.md"}
"""The README is an overview itself, the changelog has only versions, and the last one is generated."""
NOT_RUN = {
    "docs/archive.md": 1,
    "docs/dead-letters.md": 1,
    "docs/operations.md": 1,
    "docs/own-kafka.md": 4,
    "examples/README.md": 1,
    "examples/cards/README.md": 1,
    "README.md": 1,
    "services/alertmanager/README.md": 2,
    "services/grafana/README.md": 1,
    "services/prometheus/README.md": 2,
}
"""Number of blocks of each document that no test runs, each with its reason in the document."""


def _shell_blocks() -> list[Block]:
    return [block for name, text in DOCUMENTS.items() for block in blocks(name, text) if block.is_shell]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_resolve(name: str) -> None:
    """Each relative link names a file of the repository, and each anchor a heading of that file."""
    for target in structure.links(DOCUMENTS[name]):
        path, anchor = structure.resolve(name, target)
        assert (ROOT / path).exists(), target
        if anchor:
            assert anchor in structure.anchors(DOCUMENTS[path]), target


@pytest.mark.parametrize("name", sorted(DOCUMENTS.keys() - WITHOUT_CONTENTS))
def test_contents_list_the_headings(name: str) -> None:
    """A page with more than four topics begins with a list of them, in their order."""
    topics = structure.topics(DOCUMENTS[name])
    wanted = [(title, structure.anchor(title)) for title in topics] if len(topics) > FEW_HEADINGS else []
    lines = "\n".join(f"- [{title}](#{anchor})" for title, anchor in wanted)
    assert structure.contents(DOCUMENTS[name]) == wanted, f"{structure.CONTENTS}\n\n{lines}\n"


def test_the_index_has_every_page() -> None:
    """docs/README.md links to each page beside it."""
    linked = {structure.resolve("docs/README.md", one)[0] for one in structure.links(DOCUMENTS["docs/README.md"])}
    assert {name for name in DOCUMENTS if name.startswith("docs/")} - linked == {"docs/README.md"}


def test_blocks_that_are_not_run_are_counted() -> None:
    """A block is left out by the test of the commands only with a reason, and their number is a decision."""
    marked = [block for block in _shell_blocks() if block.not_run]
    found = {name: sum(block.document == name for block in marked) for name in DOCUMENTS}
    assert {name: count for name, count in found.items() if count} == NOT_RUN
    assert len(_shell_blocks()) - len(marked) > 40
    assert all(block.not_run for block in _shell_blocks() if block.language == "powershell")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_marks_belong_to_blocks(name: str) -> None:
    """Each mark is directly above the commands that it is about."""
    about = {block.not_run for block in _shell_blocks() if block.document == name}
    text = re.sub(r"`[^`\n]+`", "", DOCUMENTS[name])
    assert set(re.findall(r"<!-- not run: (.+?) -->", text)) <= about


@pytest.mark.parametrize("block", _shell_blocks(), ids=lambda block: f"{block.document}:{block.line}")
def test_commands_have_no_comments(block: Block) -> None:
    """An interactive zsh, the shell of macOS, passes a comment to the command as arguments."""
    assert [one for one in commands(block.text) if re.search(r"(^|\s)#", one)] == []


@pytest.mark.parametrize("name", sorted(DOCUMENTS.keys() - {"CHANGELOG.md"}))
def test_commands_are_in_blocks_that_are_run(name: str) -> None:
    """Commands are never in a block of text, in which no test finds them."""
    assert structure.transcripts(name, DOCUMENTS[name]) == []
