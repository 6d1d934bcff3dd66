"""Running the commands of a document, as they are written, in the order of a reader; on a stack of their own."""

import json
import shutil
import time
from collections.abc import Callable, Mapping

from tests.documents.blocks import Block, blocks
from tests.documents.files import ROOT, documents
from tests.e2e.compose import Stack
from tests.e2e.reader import Reader
from tests.integration.broker.deadline import wait_until

Words = Mapping[str, Callable[[], str]]
README = "README.md"
OTHERS_START_IT = {README}
"""Documents whose own first command starts the stack."""
WITHOUT_A_STACK = {"examples/cards/README.md"}
ROWS = 200
LETTER_S = 60


def _blocks() -> dict[str, list[Block]]:
    found = {name: [one for one in blocks(name, text) if one.is_shell] for name, text in documents().items()}
    return {name: shell for name, shell in found.items() if any(not block.not_run for block in shell)}


BLOCKS = _blocks()


def prepare_reader(stack: Stack) -> Reader:
    """Add a user's own files to data/; return a reader in that clone."""
    _own_files(stack)
    return Reader(stack)


def run_document(stack: Stack, person: Reader, name: str) -> None:
    """Run each command of the document, which must succeed; each start of the stack must score payments."""
    words = _words(stack)
    if name not in OTHERS_START_IT | WITHOUT_A_STACK:
        person.start()
    try:
        for block in BLOCKS[name]:
            if not block.not_run:
                started_s = time.monotonic()
                person.run(block, words)
                print(f"{block.document}:{block.line}: {time.monotonic() - started_s:.1f} s")
    finally:
        person.leave()
        _forget_settings(stack)


def _own_files(stack: Stack) -> None:
    """Write the rows of a history with ids as data/mine.csv, and payments as data/mine.jsonl."""
    lines = (ROOT / "data/historical_payments.csv").read_text(encoding="utf-8").splitlines()[: ROWS * 5]
    rows = [f"{number or 'payment_id'},{line}" for number, line in enumerate(lines)]
    (stack.folder / "data/mine.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    names = rows[0].split(",")
    payments = [dict(zip(names, map(float, row.split(",")), strict=True)) for row in rows[1:ROWS]]
    texts = [json.dumps({name: _whole(value) for name, value in payment.items()}) for payment in payments]
    (stack.folder / "data/mine.jsonl").write_text("\n".join(texts) + "\n", encoding="utf-8")


def _whole(value: float) -> float:
    return int(value) if value.is_integer() else value


def _words(stack: Stack) -> Words:
    """Return what a reader puts in place of these words, when it comes to them."""
    return {
        "VERSION": lambda: _another_version(stack),
        "PLACE": lambda: _letter(stack),
        "1235": lambda: "1",  # an offset that the topic has
    }


def _another_version(stack: Stack) -> str:
    """Return a version that is not active; train one if there is only one."""
    if len(_versions(stack)) == 1:
        stack.compose("run", "--rm", "-T", "-e", "COST_OF_REVIEW=10", "trainer")
    return next(line.split()[0] for line in _versions(stack) if not line.startswith("*"))


def _versions(stack: Stack) -> list[str]:
    """Return the lines of `model list` without its header; the active version's begins with an asterisk."""
    return stack.compose("run", "--rm", "-T", "cli", "model", "list").splitlines()[1:]


def _letter(stack: Stack) -> str:
    """Return the place of a dead letter, once there is one."""
    wait_until(lambda: bool(_letters(stack)), LETTER_S, "a dead letter")
    return str(json.loads(_letters(stack)[-1])["place"])


def _letters(stack: Stack) -> list[str]:
    return stack.compose("run", "--rm", "-T", "cli", "dlq", "list", "--json", "--last", "1").splitlines()


def _forget_settings(stack: Stack) -> None:
    """Undo what a document has set for all later commands."""
    settings = stack.folder / ".env"
    if settings.exists():
        settings.unlink()
        stack.compose("--profile", "*", "down", "--volumes")
        for name in ("outputs", "models"):
            for path in (stack.folder / name).iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
