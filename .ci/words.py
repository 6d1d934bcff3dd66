"""Check the words of code and documents: `python .ci/words.py [FILE...]`, without names the files that Git knows.

Looks at comments, docstrings and strings of Python, at comments and strings of other code, and at all of Markdown.
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

WORDS = {
    r"mend(s|ed|ing|able)?": "fix, repair, recover; calibrate (a model)",
    r"anew": "again, re-created, new",
    r"(behind|beyond) the last row": "after the last row",
    r"stands|stood|stand by": "is, appears, is stored",
    r"told|said|says": "logged, reported, configured, notified",
    r"set(s|ting)? (it |them |\w+ )?aside": "moved aside, renamed",
    r"former(ly)?": "previous, earlier",
    r"(is|are|was|were|be|being|been|brokers?|database|server|Kafka) away": "unavailable, unreachable",
    r"hinder(s|ed|ing)?": "block",
    r"troubles?|ails": "problem, cause",
    r"go(es|ing)? on|went on": "continue, resume",
    r"pass(ed|es|ing)? over": "skip",
    r"whoever|whichever|whomever": "any process that, the replica that",
    r"so many": "N",
    r"none of ours": "not written by us",
    r"(?<!there )(?<!There )is no (?!longer|more)\w+": "is not a …, has no …",
    r"as if": "say the thing",
    r"in words|worded|wordy": "formatted, as text",
}
CLASSES = {"Lane", "Taking", "Patience", "Tail", "Link", "Outlet"}
FUNCTIONS = {"_begun", "_belong", "_found", "_asked", "_worded", "_told", "_said"}
_WORD = re.compile("|".join(rf"(?P<w{number}>\b(?:{word})\b)" for number, word in enumerate(WORDS)), re.IGNORECASE)
_HEADLESS = re.compile(
    r"(?:^|[.:;!?]\s+)(What(?! it\?)|Whoever|Whichever|All (?:that|of)|Those|Which|Who)\b(?![^.!?]*\?)", re.MULTILINE
)
_HEADING = re.compile(r"^#+ (To be|What|How|Why|Where|When|If|All|Those|Which)\b", re.MULTILINE)
_NO_VERB = re.compile(
    r"(What|How|Why|Where|Whether|When|Who|All|Those|Which|The|An?|It|There|They|Each|Every|None|No|Any|Some|Its|Their"
    r"|Of|In|At|By|With|From|For|To|One|Two|Only|Also|Not|Nothing|Same|Otherwise|So|As|Every(?:thing|one|body))\b"
)
_CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_SUFFIXES = {".md", ".js", ".css", ".html", ".yml", ".yaml", ".toml", ".sh", ".sql", ".java"}
_NAMES = {"Makefile", "Dockerfile", ".env.example"}
_OWN = {"words.py", "licences.md"}

Finding = tuple[int, str]


def of_python(text: str) -> Iterator[Finding]:
    """Yield findings in docstrings, comments, strings with a space in them, and names."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _of_docstring(node)
        if isinstance(node, ast.ClassDef) and node.name.lstrip("_") in CLASSES:
            yield node.lineno, f"class {node.name}: a technical term"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in FUNCTIONS:
            yield node.lineno, f"{node.name}: a verb in the imperative"
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield from ((node.lineno, found) for _, found in of_text(node.value))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield from ((token.start[0], found) for _, found in of_text(token.string.removeprefix("#").strip()))


def _of_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Finding]:
    words = ast.get_docstring(node) or ""
    line = node.body[0].lineno if words else 0
    for match in _HEADLESS.finditer(words):
        yield line, f"a sentence without a head: {match[1]} …"
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("test_"):
        return
    is_property = any(ast.unparse(decorator).endswith(("property", "fixture")) for decorator in node.decorator_list)
    if not is_property and _NO_VERB.match(words):
        yield line, f"a function's docstring begins with a verb: {words.split(maxsplit=1)[0]} …"


def of_text(text: str) -> Iterator[Finding]:
    """Yield findings of the word list in plain text."""
    for match in _WORD.finditer(text):
        better = list(WORDS.values())[int((match.lastgroup or "w0")[1:])]
        yield text.count("\n", 0, match.start()) + 1, f"{match[0]!r}: {better}"


def of_markdown(text: str) -> Iterator[Finding]:
    """Yield findings in a document; code in it is quoted from where it is checked."""
    yield from of_text(_CODE.sub(lambda code: re.sub(r"[^\n]", " ", code[0]), text))
    for match in _HEADING.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, f"a heading is a noun: {match[0]}"


def findings(path: Path) -> list[Finding]:
    """Return the line and the problem of everything found in a file."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return sorted(set(of_python(text)))
    return sorted(of_markdown(text) if path.suffix == ".md" else of_text(text))


def _tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=True)  # noqa: S607
    return listed.stdout.split("\0")[:-1]


def main(names: list[str]) -> int:
    """Print findings; 1 if there is one."""
    count = 0
    for path in map(Path, names or _tracked()):
        looked_at = path.suffix in {".py", *_SUFFIXES} or path.name in _NAMES or path.parent.name == ".ci"
        if not looked_at or path.name in _OWN or path.suffix == ".lock" or not path.is_file():
            continue
        for line, problem in findings(path):
            count += 1
            print(f"{path}:{line}: {problem}")
    print(f"{count} findings")
    return bool(count)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
