"""The report's files: models/report.html, self-contained, and the same pictures in models/report/."""

import io
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from matplotlib.figure import Figure

from fraudstream.model.fraud_model import Classifier
from fraudstream.model.manifest import Manifest
from fraudstream.runtime.regular_files import make_shared_folder, replace_regular
from trainer.history import History
from trainer.report import contest, costs, effects, page, ranking, reliability, scores, style
from trainer.report.facts import Facts, gather
from trainer.study import Study

PAGE = "report.html"
FOLDER = "report"

_FILE_MODE = 0o660
_PICTURES: dict[str, Callable[[Facts], Figure]] = {
    "ranking": ranking.picture,
    "reliability": reliability.picture,
    "scores": scores.picture,
    "costs": costs.picture,
    "effects": effects.picture,
    "candidates": contest.picture,
}


def write(models_dir: Path, history: History, study: Study, classifier: Classifier, manifest: Manifest) -> Path:
    """Draw the pictures, replace all files, return the page's path. Raises OSError if the folder can't be written."""
    facts = gather(history, study, classifier, manifest)
    drawn = draw(facts)
    folder = models_dir / FOLDER
    make_shared_folder(folder)
    for name, content in drawn.items():
        replace_regular(folder / f"{name}.png", content, _FILE_MODE)
    replace_regular(models_dir / PAGE, page.html(facts, drawn, datetime.now(UTC)).encode(), _FILE_MODE)
    return models_dir / PAGE


def draw(facts: Facts) -> dict[str, bytes]:
    """Return each picture as PNG, by name."""
    drawn = {}
    logging.getLogger("matplotlib").setLevel(logging.WARNING)
    with style.applied():
        for name, picture in _PICTURES.items():
            buffer = io.BytesIO()
            picture(facts).savefig(buffer, format="png")
            drawn[name] = buffer.getvalue()
    return drawn
