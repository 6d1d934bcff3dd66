"""The parser of the documents: blocks, rows of commands, marks, contents and anchors."""

import pytest
from tests.documents import structure
from tests.documents.blocks import blocks, commands

PAGE = """# Page

```sh
one
two
```

1. An item
   <!-- not run: it has a reason -->
   ```sh
   three "indented
     twice"
   ```

| purpose | command |
|---|---|
| both | `four a` then `five` |
| none | nothing |

| purpose | action |
|---|---|
| other | `six` |

```
text
```
"""


def test_blocks_in_their_order() -> None:
    """Fenced blocks and rows of commands are found with line and text, others are not shell commands."""
    found = [(block.line, block.text, block.not_run) for block in blocks("page.md", PAGE) if block.is_shell]
    assert found == [
        (3, "one\ntwo", None),
        (10, 'three "indented\n  twice"', "it has a reason"),
        (17, "four a\nfive", None),
    ]


def test_a_mark_of_a_table_is_about_all_of_its_rows() -> None:
    """The line above a table marks its commands."""
    marked = PAGE.replace("| purpose | command |", "<!-- not run: no -->\n| purpose | command |")
    assert [block.not_run for block in blocks("page.md", marked) if block.is_shell] == [None, "it has a reason", "no"]


def test_a_block_without_end_is_an_error() -> None:
    """An open block would hide all commands after it."""
    with pytest.raises(ValueError, match=r"page\.md:3: this block has no end"):
        blocks("page.md", "# Page\n\n```sh\none\n")


def test_continued_lines_are_one_command() -> None:
    """A backslash at the end of a line continues the command."""
    assert commands("one \\\n  two\n\nthree\n") == ["one    two", "three"]


def test_anchors_are_those_of_the_rendered_page() -> None:
    """Anchors are lower case, without punctuation; a repeated heading gets a number, and blocks have no headings."""
    text = "# A, b & `c_d`\n## Same\n## Same\n```sh\n# comment\n```\n"
    assert structure.anchors(text) == {"a-b--c_d", "same", "same-1"}


@pytest.mark.parametrize(
    ("target", "path", "anchor"),
    [("b.md#x", "docs/b.md", "x"), ("../README.md", "README.md", ""), ("#here", "docs/a.md", "here")],
)
def test_links_are_relative_to_their_document(target: str, path: str, anchor: str) -> None:
    """A link is resolved from the folder of its document; an anchor alone is in the same document."""
    assert structure.resolve("docs/a.md", target) == (path, anchor)


def test_links_in_code_are_none() -> None:
    """Only links of the text are followed, and only relative ones."""
    assert structure.links("[a](b.md) `[c](d.md)` [e](https://f) ![g](h.png)\n```\n[i](j)\n```\n") == ["b.md", "h.png"]


def test_transcripts_are_found() -> None:
    """A block without a language that shows commands is reported by its line."""
    assert structure.transcripts("page.md", f"{PAGE}\n```\n$ make demo\n```\n") == [28]


def test_contents_end_with_their_list() -> None:
    """The entries after the heading are read up to the first other line."""
    text = "# P\n\n## Contents\n\n- [A](#a)\n- [B c](#b-c)\n\n- [not](#it)\n## A\n## B c\n"
    assert structure.contents(text) == [("A", "a"), ("B c", "b-c")]
    assert structure.topics(text) == ["A", "B c"]
