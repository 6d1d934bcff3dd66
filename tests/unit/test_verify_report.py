"""The report of a verification."""

from collections import Counter

from cli.audit.merge import Finding, Kind
from cli.audit.report import Judged, Report


def judged(partition: int = 0, **found: object) -> Judged:
    """Return a partition of 1,000 records."""
    return Judged(partition=partition, start=0, end=1_000, records=1_000, once=1_000, scored=990, dead=10, **found)  # type: ignore[arg-type]


def test_all_well() -> None:
    """The report has the table and the verdict."""
    report = Report(topic="in", partitions=[judged(), judged(11, pending=3)])
    assert report.is_clean
    assert report.text().splitlines() == [
        "partition  judged offsets  records  scored  dead  findings  pending",
        "        0           0…999    1,000     990    10         0        0",
        "       11           0…999    1,000     990    10         0        3",
        "      all                    2,000   1,980    20         0        3",
        "",
        "Verified: each of 2,000 records appears exactly once (1,980 scored, 20 dead letters).",
    ]


def test_replays_are_reported() -> None:
    """The report has the number of dead letters sent again."""
    text = Report(topic="in", partitions=[judged(replayed=2), judged(1, replayed=1)]).text()
    assert text.splitlines()[-1] == "3 dead letters were replayed; each replay is a record of its own."


def test_findings() -> None:
    """Findings are listed by kind, the first ones with the count of all; lines without a partition are unreadable."""
    examples = [Finding(kind=Kind.LOST, offsets=offsets) for offsets in (range(3, 18), range(20, 21))]
    detailed = Finding(kind=Kind.LOST, offsets=range(21, 23), detail="why")
    one = judged(findings=Counter({Kind.LOST: 25, Kind.UNREADABLE: 1}), notes=["something"])
    bad = Judged(
        partition=1,
        start=0,
        end=30,
        records=30,
        once=5,
        findings=one.findings,
        examples=[*examples, detailed, Finding(kind=Kind.UNREADABLE, offsets=range(0), detail="what")],
        notes=["something"],
    )
    report = Report(
        topic="in", partitions=[judged(), bad], unreadable=2, unreadable_lines=["a.csv: 'x'"], notes=["no CSV"]
    )
    assert not report.is_clean
    text = report.text()
    assert "no CSV\npartition 1: something\n" in text
    assert "lost: in no output (25):\n  in/1/3-17,20\n  in/1/21-22: why\n  … and 7 more\n" in text
    assert "unreadable (3):\n  partition 1: what\n  a.csv: 'x'\n  … and 1 more\n" in text
    assert text.endswith("FAILED: 1,005 of 1,030 records appear exactly once, 25 do not; see above.")


def test_nothing_to_judge() -> None:
    """The report states that there is nothing to verify."""
    assert "Nothing to verify yet" in Report(topic="in", partitions=[Judged(partition=0, start=5, end=5)]).text()
    assert not Report(topic="in", partitions=[], unreadable=1).is_clean
