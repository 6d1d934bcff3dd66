"""`fraudstream verify` on real Kafka: a clean run has no findings, and each tampering is found and named."""

import json
import shutil
from collections.abc import Callable
from copy import copy as copy_of
from pathlib import Path

import pytest

from tests.conftest import _PREFIX
from tests.integration import tools
from tests.integration.scorer import Message, Surroundings, payment
from tests.integration.topic import delete_records, read_all
from tests.oracle import committed_records
from tests.scores import HEADER

pytestmark = pytest.mark.partitions(2)

COUNT = 400


@pytest.fixture
def scored(surroundings: Surroundings) -> Surroundings:
    """Score 400 records, every tenth of them a dead letter."""
    return _clean_run(surroundings)


@pytest.fixture(scope="module")
def clean_run(kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Surroundings:
    """Score 400 records once for all tests that change nothing but the CSV."""
    folder = tmp_path_factory.mktemp("clean-run")
    return _clean_run(Surroundings(kafka_bootstrap, lambda name: f"{_PREFIX}-{name}", folder, partitions=2).prepare())


@pytest.fixture
def with_csv(clean_run: Surroundings, tmp_path: Path) -> Surroundings:
    """Return the clean run with a copy of its CSV and journal."""
    copy = copy_of(clean_run)
    copy.csv = Path(shutil.copytree(clean_run.csv.parent, tmp_path / "outputs")) / clean_run.csv.name
    copy.settings = clean_run.settings | {"CSV_PATH": str(copy.csv)}
    return copy


def _clean_run(surroundings: Surroundings) -> Surroundings:
    surroundings.send(
        [Message(payment(number) if number % 10 else b"no", partition=number % 2) for number in range(COUNT)]
    )
    surroundings.score()
    return surroundings


def _edit(surroundings: Surroundings, change: Callable[[list[str]], list[str]]) -> None:
    header, *rows = surroundings.csv.read_text().splitlines(keepends=True)
    surroundings.csv.write_text(header + "".join(change(rows)))


def test_a_clean_run(scored: Surroundings) -> None:
    """Each record is decided once; the table has the numbers, and scorers may run meanwhile."""
    output = tools.assert_well(scored, "each of 400 records appears exactly once (360 scored, 40 dead letters)")
    table = [line.split() for line in output.splitlines() if line.split()[:1] in (["0"], ["1"], ["all"])]
    assert table[-1] == ["all", "400", "360", "40", "0", "0"]
    assert table[0][:5] == ["0", "0…199", "200", "160", "40"]
    with scored.scorer():
        scored.send_payments(5_000)
        for _ in range(2):
            tools.assert_well(scored)
        scored.wait_until_committed()
    tools.assert_well(scored, "5,400 records")


def test_records_that_wait_are_pending(scored: Surroundings) -> None:
    """Records that wait are not reported as lost."""
    scored.send_payments(30)
    output = tools.assert_well(scored, "each of 400 records")
    assert [line.split()[-1] for line in output.splitlines() if line.split()[:1] == ["all"]] == ["30"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda rows: rows[:50] + rows[51:], "in the scored topic only (1)", id="deleted"),
        pytest.param(lambda rows: [*rows, rows[50]], "twice in the CSV (1)", id="doubled"),
        pytest.param(lambda rows: [*rows[:50], rows[50], *rows[50:]], "twice in the CSV (1)", id="doubled in place"),
        pytest.param(lambda rows: [_other_probability(rows[0]), *rows[1:]], "different in CSV and", id="probability"),
        pytest.param(lambda rows: [rows[0].replace(",", ";"), *rows[1:]], "unreadable (1)", id="unreadable"),
        pytest.param(lambda rows: [rows[1], rows[0], *rows[2:]], "out of order (1)", id="swapped"),
        pytest.param(lambda rows: [*rows, rows[-1].rsplit(",", 1)[0] + ",0\n"], "(1)", id="of a dead letter"),
        pytest.param(lambda _: [], "in the scored topic only (360)", id="emptied"),
    ],
)
def test_a_changed_csv(with_csv: Surroundings, change: Callable[[list[str]], list[str]], words: str) -> None:
    """A changed row is found and named."""
    _edit(with_csv, change)
    tools.assert_findings(with_csv, words, "FAILED")


def _other_probability(row: str) -> str:
    cells = row.split(",")
    cells[7] = "0.123456"
    return ",".join(cells)


def test_a_csv_that_is_gone(with_csv: Surroundings) -> None:
    """The message names the action to take."""
    with_csv.csv.unlink()
    tools.assert_findings(
        with_csv, "in the scored topic only (360)", "/1/0-199\n", "… and 80 more", "fraudstream rebuild"
    )


def test_rotated_and_damaged_files_count(with_csv: Surroundings) -> None:
    """All files of this topic count together; those of a previous topic do not count."""
    lines = with_csv.csv.read_text().splitlines(keepends=True)
    folder, header = with_csv.csv.parent, lines[0]
    parts = [lines[1:100], lines[100:200], lines[200:300], lines[300:]]
    for name, part in zip(("0001", "0002", "damaged-1"), parts, strict=False):
        (folder / f"{with_csv.csv.stem}.{name}.csv").write_text(header + "".join(part))
    (folder / f"{with_csv.csv.stem}.former-1.csv").write_text("".join(lines))
    with_csv.csv.write_text(header + "".join(parts[3]))
    tools.assert_well(with_csv, "360 scored")
    (folder / f"{with_csv.csv.stem}.0002.csv").unlink()
    tools.assert_findings(with_csv, "in the scored topic only (100)")


def test_rotated_by_the_scorer(surroundings: Surroundings) -> None:
    """Files rotated by the scorer itself count as well."""
    for _ in range(3):
        surroundings.send_payments(100)
        surroundings.score(CSV_ROTATE_BYTES="5000")
    assert len(list(surroundings.csv.parent.glob("*.csv"))) == 3
    tools.assert_well(surroundings, "each of 300 records")


def test_a_scored_record_sent_twice_by_hand(scored: Surroundings) -> None:
    """A record sent twice is found with any timestamp."""
    topic = scored.settings["SCORED_TOPIC"]
    record = next(record for record in committed_records(scored.bootstrap, topic) if record.partition == 0)
    scored.send([Message(record.value)], "SCORED_TOPIC")
    offset = json.loads(record.value or b"")["source_offset"]
    tools.assert_findings(
        scored, "twice in the scored topic (1)", f"{scored.settings['INPUT_TOPIC']}/0/{offset}", "399 of 400 records"
    )


def test_an_invalid_scored_record(scored: Surroundings) -> None:
    """An invalid scored record is named by its place in the scored topic."""
    scored.send([Message(b"garbage"), Message(b'{"source_partition":1,"source_offset":0}')], "SCORED_TOPIC")
    tools.assert_findings(scored, "unreadable (2)", "scored topic, offset")


def test_dead_letters(scored: Surroundings) -> None:
    """A repeated letter, a letter of a scored record and a missing one are found; other records there are ignored."""
    topic = scored.settings["DLQ_TOPIC"]
    letter = next(iter(read_all(scored.bootstrap, topic)))
    headers = dict(letter.headers)
    message = Message(letter.value, headers=list(letter.headers), timestamp_ms=letter.timestamp)
    scored.send([Message(b"marker", headers=[("replayed", b"1")])], "DLQ_TOPIC")
    tools.assert_well(scored)
    scored.send([message], "DLQ_TOPIC")
    place = "/".join(headers[name].decode() for name in ("dlq.topic", "dlq.partition", "dlq.offset"))
    tools.assert_findings(scored, "twice among the dead letters (1)", f"  {place}\n")
    for record in read_all(scored.bootstrap, scored.settings["INPUT_TOPIC"]):
        if record.partition == 0 and record.value != b"no":
            headers |= {"dlq.offset": b"%d" % record.offset, "dlq.timestamp": b"%d" % record.timestamp}
            break
    scored.send([Message(b"", headers=list(headers.items()))], "DLQ_TOPIC")
    tools.assert_findings(scored, "scored, and a dead letter too (1)")


def test_dead_letters_that_are_gone(scored: Surroundings) -> None:
    """Dead letters should never be deleted: their messages are lost."""
    topic = scored.settings["DLQ_TOPIC"]
    letter = next(iter(committed_records(scored.bootstrap, topic)))
    delete_records(scored.bootstrap, topic, {letter.partition: letter.offset + 1})
    tools.assert_findings(scored, "lost: in no output (1)", "no longer has its first records")


def test_a_group_reset_forward_has_lost_records(scored: Surroundings) -> None:
    """Skipped records are reported as lost: no scorer has decided them."""
    scored.send_payments(40)
    scored.reset({0: 220})
    tools.assert_findings(scored, "lost: in no output (20)", f"{scored.settings['INPUT_TOPIC']}/0/200-219\n")


def test_transactional_input(surroundings: Surroundings) -> None:
    """Markers and aborted records do not count, committed ones do, and nothing waits."""
    for commit in (True, False, True):
        surroundings.send_payments_in_transaction(50, commit=commit)
    surroundings.send_payments(20)
    with surroundings.scorer():  # not until all is committed: a marker may be the last of all
        surroundings.wait_until_drained()
    tools.assert_well(surroundings, "each of 120 records")
    surroundings.send_payments_in_transaction(50, commit=False)
    output = tools.assert_well(surroundings, "each of 120 records")
    assert [line.split()[-1] for line in output.splitlines() if line.split()[:1] == ["all"]] == ["0"]


def test_records_no_longer_retained(scored: Surroundings) -> None:
    """Deleted scored records are verified by the CSV alone; deleted input is not judged."""
    delete_records(scored.bootstrap, scored.settings["SCORED_TOPIC"], {1: 100})
    tools.assert_well(scored, "verified by the CSV alone", "each of 400 records")
    delete_records(scored.bootstrap, scored.settings["INPUT_TOPIC"], {1: 150})
    tools.assert_well(scored, "offsets 0…149 are no longer in", "each of 250 records")


def test_the_first_start_at_the_latest(surroundings: Surroundings) -> None:
    """Records before the first start are not judged, with the journal and without it."""
    surroundings.send_payments(20)
    with surroundings.scorer(AUTO_OFFSET_RESET="latest") as scorer:
        scorer.wait_for("start offsets committed")
        surroundings.send_and_wait(30)
    tools.assert_well(surroundings, "each of 30 records")
    surroundings.csv.with_name(f".{surroundings.csv.name}.journal").unlink()
    tools.assert_well(surroundings, "each of 30 records")


def test_a_re_created_topic(scored: Surroundings) -> None:
    """Outputs of the previous topic are skipped; the present topic's are judged."""
    scored.recreate()
    scored.send([Message(payment(number) if number % 7 else b"no", partition=number % 2) for number in range(100)])
    scored.score()
    tools.assert_well(scored, "each of 100 records", "belong to a previous")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"SCORED_TOPIC": "absent"}, "fraudstream topics"),
        ({"CONSUMER_GROUP": "nobody"}, "belongs to consumer group"),
        ({"CONSUMER_GROUP": "nobody", "CSV_PATH": "no.csv"}, "CONSUMER_GROUP"),
        ({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}, "KAFKA_BOOTSTRAP_SERVERS"),
        ({"INPUT_TOPIC": "with space"}, "INPUT_TOPIC"),
    ],
)
def test_what_a_user_can_fix_is_one_line(clean_run: Surroundings, settings: dict[str, str], words: str) -> None:
    """One line names the setting, with exit code 1."""
    output = tools.fail(clean_run, "verify", **settings)
    assert words in output.splitlines()[-1]


def test_nothing_scored_yet(surroundings: Surroundings) -> None:
    """An empty output is not a finding once the group has begun."""
    with surroundings.assigned_scorer() as scorer:
        scorer.wait_for("start offsets committed")
    output = tools.succeed(surroundings, "verify")
    assert "Nothing to verify yet" in output
    assert HEADER not in output
