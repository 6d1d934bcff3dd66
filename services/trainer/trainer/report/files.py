"""The report's file: models/report.html, self-contained."""

from datetime import UTC, datetime
from pathlib import Path

from fraudstream.runtime.regular_files import replace_regular
from trainer.report import page
from trainer.report.facts import Facts

PAGE = "report.html"

_FILE_MODE = 0o660


def write(models_dir: Path, facts: Facts) -> Path:
    """Replace the page and return its path. Raises OSError if the folder can't be written."""
    replace_regular(models_dir / PAGE, page.html_page(facts, datetime.now(UTC)).encode(), _FILE_MODE)
    return models_dir / PAGE
