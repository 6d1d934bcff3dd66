"""The report beside the model: self-contained, drawn for poor histories too, and never a reason to lose a model."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from fraudstream.model import store
from fraudstream.model.decision import BLOCKED, REVIEWED, Costs
from fraudstream.model.drift_reference import Reference
from fraudstream.payment_schema import parse
from fraudstream.runtime.settings import TrainingSettings
from fraudstream.simulation import simulate
from tests.any_schema import ROOT
from tests.default_payment import ENCODING, SCHEMA
from tests.histories import history_of
from trainer import history, make_data, train
from trainer.__main__ import main
from trainer.candidates import candidates
from trainer.report import card, decisions, facts, files, page
from trainer.sampling import fitted
from trainer.study import Study, study

SETTINGS = TrainingSettings.from_env({})
VOID = {"meta"}
SHAPES = {"path", "circle", "text"}
PERCENT = "\N{NO-BREAK SPACE}%"


class Structure(HTMLParser):
    """Structure of a page: elements in order, with their attributes; each one must be closed."""

    def __init__(self, written: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(written)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the element opened last."""
        assert self.open.pop() == tag

    def of(self, *tags: str) -> list[dict[str, str | None]]:
        """Return the attributes of the elements with one of these tags."""
        return [attributes for tag, attributes in self.found if tag in tags]


def check_structure(written: str) -> Structure:
    """Check what a screen reader needs, and that nothing is loaded from elsewhere; return the structure."""
    found = Structure(written)
    assert found.of("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in found.of("meta")
    levels = [int(tag[1]) for tag, _ in found.found if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(one["role"] == "img" and one["aria-label"] for one in found.of("svg"))
    assert len(found.of("caption")) == len(found.of("table"))
    assert all(one["scope"] in {"col", "row"} for one in found.of("th"))
    assert not found.of("script", "link", "img")
    assert not re.search(r"https?:|url\(|@import|nan\b", written)
    for attributes in found.of(*SHAPES):
        assert not re.search("nan|inf", attributes.get("d") or "")
    return found


def small(folder: Path) -> history.History:
    """Provide a simulated history of 1,000 payments."""
    make_data.write(folder / "history.csv", rows=1_000, seed=1)
    return history.read(folder / "history.csv", SCHEMA)


def test_training_writes_a_page(tmp_path: Path) -> None:
    """The page loads nothing from elsewhere, and has the currency; a second training replaces it."""
    models = tmp_path / "models"
    for currency in ("", "CHF"):
        manifest = train.train(small(tmp_path), TrainingSettings.from_env({"CURRENCY": currency}), models)
        written = (models / files.PAGE).read_text(encoding="utf-8")
        check_structure(written)
        assert ("5\N{NO-BREAK SPACE}CHF" in written) == bool(currency)
        assert manifest.version in written
        assert manifest.training_sha256 in written


def test_the_currency_is_not_part_of_the_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another one trains nothing: the page keeps the old one until a training, which gives the same version."""
    make_data.write(tmp_path / "history.csv", rows=1_000, seed=1)
    models = tmp_path / "models"
    env = {"TRAINING_DATA": str(tmp_path / "history.csv"), "MODELS_DIR": str(models)}
    assert main([], env | {"CURRENCY": "CHF"}) == 0
    version = store.load(models, store.NO_PINS)[1].version
    assert main([], env | {"CURRENCY": "EUR"}) == 0
    assert "training skipped" in capsys.readouterr().out
    assert "CHF" in (models / files.PAGE).read_text(encoding="utf-8")
    assert main(["--force"], env | {"CURRENCY": "EUR"}) == 0
    assert "CHF" not in (models / files.PAGE).read_text(encoding="utf-8")
    assert store.load(models, store.NO_PINS)[1].version == version


def test_a_report_that_cannot_be_written_costs_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The trainer logs a warning with the reason."""
    models = tmp_path / "models"
    (models / files.PAGE).mkdir(parents=True)
    manifest = train.train(small(tmp_path), SETTINGS, models)
    assert store.load(models, store.NO_PINS)[0].version == manifest.version
    assert "report not written" in capsys.readouterr().out
    assert (models / files.PAGE).is_dir()


def gathered(past: history.History, folder: Path, settings: TrainingSettings = SETTINGS) -> tuple[facts.Facts, Study]:
    """Return the facts of a history, and its study."""
    with threadpool_limits(1):
        found = study(past, settings)
        classifier = fitted(found.chosen.candidate, past, np.arange(len(past.labels)), 0)
    manifest = store.save(
        folder / "models",
        classifier,
        kind=found.chosen.candidate.name,
        thresholds=found.thresholds,
        costs=found.rule if isinstance(found.rule, Costs) else None,
        review_capacity=settings.review_capacity,
        training_sha256=past.sha256,
        training_rows=len(past.labels),
        settings="test",
        metrics=found.metrics,
    )
    return facts.gather(past, found, classifier, manifest, settings), found


def drawn(known: facts.Facts) -> str:
    """Return the page, whose structure is valid."""
    written = page.html_page(known, datetime.now(UTC))
    check_structure(written)
    return written


def test_the_truth_is_known_only_for_the_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample is recognised by its bytes."""
    past = small(tmp_path)
    assert gathered(past, tmp_path)[0].truth is None
    monkeypatch.setattr(make_data, "sha256", lambda: past.sha256)
    known, found = gathered(past, tmp_path)
    assert known.truth is not None
    assert len(known.truth) == len(past.labels) == len(found.compared) + len(found.held_out)
    assert "the true probabilities" in drawn(known)
    assert "its payments are simulated" in drawn(known)


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, f"No payment is blocked below a probability of fraud of 50{PERCENT}."),
        ({"REVIEW_CAPACITY": "0.03"}, f"can check 3{PERCENT} of the payments: so that their share fits"),
        ({"REVIEW_CAPACITY": "0.9"}, "which is more than the rule needs"),
    ],
)
def test_the_decisions_are_explained(tmp_path: Path, env: dict[str, str], expected: str) -> None:
    """The text has the rule, and the tables have what it decides and costs."""
    known, found = gathered(small(tmp_path), tmp_path, TrainingSettings.from_env(env))
    assert expected in decisions.explanation(known)
    _, by_decision = decisions.by_decision(known)
    assert [row[0] for row in by_decision] == ["approve", "review", "block"]
    assert sum(int(row[1]) for row in by_decision) == len(known.labels)
    _, by_rule = decisions.by_rule(known)
    ours, fixed, approved = (float(row[1]) for row in by_rule)
    assert ours <= fixed < approved
    _, by_amount = decisions.by_amount(known)
    assert len(by_amount) == 5
    written = drawn(known)
    assert expected in written
    assert decisions.example(known) in written
    assert decisions.lowest(found.costs, 85.0, REVIEWED) == 0.050001
    assert decisions.lowest(found.costs, 85.0, BLOCKED) == 0.800001
    assert decisions.lowest(Costs(fraud=0.0, review=9.0, wrong_block=9.0, min_block=1.0), 5.0, BLOCKED) is None


def test_amounts_that_are_all_missing(tmp_path: Path) -> None:
    """The page has no limits by amount, and nothing that is not a number."""
    past = small(tmp_path)
    known, _ = gathered(replace(past, amounts=np.full_like(past.amounts, np.nan)), tmp_path)
    written = drawn(known)
    assert "Probability from which a payment is reviewed" not in written
    assert not re.search(r"\bnan\b", written)


def test_the_page_describes_each_candidate() -> None:
    """Every candidate has a description."""
    assert all(card.kind(candidate.name) != card.kind("another") for candidate in candidates(ENCODING))


def test_the_sample_is_recognised() -> None:
    """The shipped file has the bytes that the generator writes."""
    shipped = Path(__file__).parents[2] / "data" / "historical_payments.csv"
    assert history.read(shipped, SCHEMA).sha256 == make_data.sha256()


def test_a_poor_history_is_drawn(tmp_path: Path) -> None:
    """A history of ten frauds in a hundred payments, one hour, amount and device, and no failed logins, is drawn."""
    matrix = simulate(np.random.default_rng(5), 100).matrix()
    matrix[:, 0], matrix[:, 2], matrix[:, 3], matrix[:, 4] = 10.0, 0.0, 7.0, 0.0
    labels = (np.arange(100) % 10 == 0).astype(np.int64)
    poor, _ = gathered(history_of(matrix, labels), tmp_path)
    assert "The test has only 2 frauds" in drawn(poor)


def test_a_wide_history_is_drawn(tmp_path: Path) -> None:
    """Amounts over ten orders of magnitude, thousands of failed logins, and frauds defined by a rule are drawn."""
    rng = np.random.default_rng(6)
    matrix = simulate(rng, 1_000).matrix()
    matrix[:, 0] = 10 ** rng.uniform(-2, 8, 1_000)
    matrix[:, 2] = np.floor(10 ** rng.uniform(0, 4, 1_000))
    labels = (matrix[:, 0] > 1e7).astype(np.int64)
    wide, _ = gathered(history_of(matrix, labels), tmp_path)
    assert "frauds are stopped" in drawn(wide)


@pytest.mark.parametrize("amount", ['amount = "amount"  # what costs are counted in\n', ""])
def test_a_history_of_another_schema(tmp_path: Path, amount: str) -> None:
    """Categories, missing values and nested fields are trained on, drawn and described, with and without an amount."""
    text = (ROOT / "examples/cards/payment.toml").read_text(encoding="utf-8")
    schema = parse(text.replace('amount = "amount"  # what costs are counted in\n', amount), "payment.toml")
    past = history.read(ROOT / "examples/cards/history.csv", schema)
    models = tmp_path / "models"
    manifest = train.train(past, SETTINGS, models)
    model, stored = store.load(models, store.NO_PINS, schema)
    assert (model.costs is None, stored.costs is None) == (not amount, not amount)
    assert stored.content_sha256 == manifest.content_sha256
    assert manifest.metrics["auc"] > 0.95
    reasons = [json.loads(one) for one in model.reasons(past.matrix[past.labels == 1][:50])]
    assert all(reasons)
    assert Reference.read(manifest.reference, model.encoding) is not None
    again = train.already_trained(past, SETTINGS, models)
    assert again is not None
    assert again.content_sha256 == manifest.content_sha256
    written = (models / files.PAGE).read_text(encoding="utf-8")
    check_structure(written)
    assert ("Payments have no amount" in written) == (not amount)
    for name in past.encoding.names:
        assert f'<th scope="row">{name}</th>' in written
