"""Lines and names in the messages about a `payment.toml`."""

import json

import pytest
from tests.unit.test_payment_schema import HEAD, TYPES, X, problem, refusal


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("id = 'id'\nfields.id.type = 'text'\nfields.x.type = 'nr'", 3),
        ("id = 'id'\n[fields]\nid.type = 'text'\nx.type = 'nr'", 4),
        ("id = 'id'\n[fields]\nid = { type = 'text' }\nx = { type = 'nr' }", 4),
        (f"{HEAD}[ fields . x ] # a comment\n'type' = 'nr'", 5),
        (f"{HEAD}words = '''\n[fields.x]\ntype = 1\n'''\n[fields.x]\ntype = 'nr'", 9),
        (f"{HEAD}# a comment with \u2028, \x85 and '''\n[fields.x]\ntype = 'nr'", 6),
        (f"{X}type = 'nr'".replace("\n", "\r\n"), 5),
        (f"\ufeff{X}type = 'nr'", 5),
    ],
)
def test_lines(text: str, line: int) -> None:
    """Lines are found in every form of TOML, comments and long texts included."""
    assert problem(text) == f"payment.toml, line {line}, fields.x.type: {TYPES}"


@pytest.mark.parametrize("name", ["a.b", "a]b", 'a"b', "a b", "bool", "Feature", "int"])
def test_problems_name_the_field_itself(name: str) -> None:
    """Names with quotes, dots and brackets, and names of alternatives in the validator, appear in messages."""
    quoted = json.dumps(name)
    text = f"{HEAD}[fields.{quoted}]\ntype = 'number'\nmin = 'a'"
    shown = name if name.isalpha() else quoted
    assert problem(text) == f"payment.toml, line 6, fields.{shown}.min: must be a number"

    quoted = "".join(f"\\U{ord(letter):08X}" for letter in text)
    keys = ("path", "default", "as", "words", "timezone", "type")
    for table in [
        f'{HEAD}[fields."{quoted}"]\ntype = "text"',
        *(f'{X}type = "text"\n{key} = "{quoted}"' for key in keys),
    ]:
        assert not (message := refusal(table)) or message.startswith("payment.toml, line")
