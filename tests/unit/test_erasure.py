"""Recognition of payments that are to be erased."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scores import FORMAT, LAYOUT, PAYMENT, One, Payment, csv_chunk

from cli import __main__ as command_line
from cli.erase.wanted import Rows, ScoredPlace, Wanted

ID = FORMAT.schema.fields[FORMAT.schema.id]
IDS = st.integers(1, 2**63 - 1)
SMALL = st.integers(1, 99)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (b'{"payment_id":7,"amount":"12.50"}', True),
        (b'{"payment_id" : "7"', True),
        (b'{"payload":{"payment_id":7}}', True),
        (b'"{\\"payment_id\\":7,\\"amount\\":1}"', True),
        (b"\x02\x00\xff{'payment_id': 7}", True),
        (b'{"payment_id":7.0}', True),
        (b'{"payment_id":7.}', True),
        (b'{"payment_id":[7]}', True),
        (b'{"payment_id":+7}', True),
        (b'{"payment_id":1,"payment_id":7}', True),
        (b'{"payment_id":7,"payment_id":1}', True),
        (b'{"\\u0070ayment_id":7', True),
        (b'{"\\u0070\\u0061yment\\u005Fi\\u0064":7', True),
        (b'{"a":"\\u0070", "payment_id":7', True),
        (b'{"\\u0071ayment_id":7', False),
        (b'"{\\"payment_id\\":\\n7}"', True),
        (b"payment_id=7&amount=1", True),
        (b'{"payment_id":007}', True),
        (b'{"payment_id":"0007"}', True),
        (b'{"payment_id":7e0}', True),
        (b'{"payment_id":.07E+2}', True),
        (b'{"payment_id":"700e-2"', True),
        ('{"payment_id":7}'.encode("utf-16"), True),
        ('{"payment_id":7'.encode("utf-16-le"), True),
        ('payment_id: "7"'.encode("utf-16-be"), True),
        ('{"payment_id":7}'.encode("utf-32"), True),
        ('{"payment_id":17}'.encode("utf-16"), False),
        (b'{"payment_id":7e1}', False),
        (b'{"payment_id":7e999999999999999999999}', False),
        (b'{"payment_id":0.7}', False),
        (b'{"payment_id":7.05}', False),
        (b'{"payment_id":7.0.1}', False),
        (b'{"payment_id":-7}', False),
        (b'{"payment_id":71}', False),
        (b'{"payment_id":7.5}', False),
        (b'{"payment_id":17}', False),
        (b'{"payment_id":8,"failed_logins":7}', False),
        (b"", False),
        (None, False),
    ],
)
def test_an_id_in_any_text(value: bytes | None, named: bool) -> None:
    """An id is found in any form of its number and in any encoding, but never as another number or another field."""
    wanted = Wanted(id_field=ID, payment_ids=frozenset([7]))
    assert wanted.names_payment(value) is named
    assert wanted.may_be_in(value) or not named


@pytest.mark.parametrize(
    "part",
    [b"payment_id", b"\\", b"\\n", b" ", b'"', b":", b"payment_id:", b"7", b"7.", b".0", b"0", b"\\u0070", b"e7", b"-"],
)
@pytest.mark.parametrize("start", [b"", b"payment_id", b"payment_id:", b"payment_id:7.0"])
def test_long_texts_are_searched_in_one_pass(start: bytes, part: bytes) -> None:
    """Eight times the text takes about eight times as long, not 64 times, whatever it holds."""
    wanted = Wanted(id_field=ID, payment_ids=frozenset([7]))
    text = part * (4_000_000 // len(part))

    def seconds(value: bytes) -> float:
        began = time.process_time()
        wanted.names_payment(value)
        return time.process_time() - began

    assert seconds(start + text + b"x5") < 0.1 + 24 * seconds(start + text[: len(text) // 8] + b"x5")


@given(ids=st.frozensets(SMALL, max_size=4), key=st.none() | st.binary(max_size=2), other=SMALL)
def test_valid_messages(ids: frozenset[int], key: bytes | None, other: int) -> None:
    """An id is found with spaces or without, and never in the message of another payment."""
    wanted = Wanted(id_field=ID, payment_ids=ids, keys=frozenset([b"k"]))
    payment: Payment = {**PAYMENT, "payment_id": other}
    for separators in ((",", ":"), (", ", ": ")):
        value = json.dumps(payment, separators=separators).encode()
        assert wanted.names_payment(value) is (other in ids)
        assert wanted.may_be_in(value) or other not in ids
    assert wanted.has_key(key) is (key == b"k")


@given(one=IDS, other=IDS, partition=st.integers(0, 99), offset=st.integers(0, 2**62))
def test_rows(one: int, other: int, partition: int, offset: int) -> None:
    """Rows match by id anywhere; by place only together with the id, as a re-created topic has the place again."""
    payment: Payment = {**PAYMENT, "payment_id": one}
    line = csv_chunk([One(payment, 0.5, "review", "v1", 0, partition, offset)])
    assert Rows([one], []).match(line, LAYOUT)
    assert Rows([other], []).match(line, LAYOUT) is (one == other)
    assert Rows([], [ScoredPlace(partition, offset, one)]).match(line, LAYOUT)
    assert Rows([], [ScoredPlace(partition, offset, other)]).match(line, LAYOUT) is (one == other)
    assert not Rows([], [ScoredPlace(partition, offset + 1, one)]).match(line, LAYOUT)
    assert Rows([one], []).match(line[: line.index(b"review")], LAYOUT)


def test_without_the_archiver(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The scorer's image lacks the archiver: the command names the image that has it."""
    monkeypatch.setattr(command_line, "find_spec", lambda _: None)
    assert command_line.main(["erase", "--payment-id", "7"]) == 1
    assert "./fraudstream erase …" in capsys.readouterr().out
