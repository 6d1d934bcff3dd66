"""Names, paths, limits and hashes of a payment schema, and any text as its file."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.test_payment_schema import DEFAULT, HEAD, PATH, X, problem, refusal, schema

from fraudstream.payment_schema import INTEGER_LIMIT, RESERVED, within
from fraudstream.payment_values import PaymentValues


@pytest.mark.parametrize("name", [*sorted(RESERVED), "challenger_model"])
def test_reserved_names(name: str) -> None:
    """A column that is ours is refused, unless the field has another name in outputs."""
    text = f"{HEAD}[fields.{name}]\ntype = 'text'\n"
    assert problem(text) == (
        f"payment.toml, line 4, fields.{name}: {name} is a column of the outputs: "
        f'give the field another name there, as = "payment_{name}"'
    )
    assert schema(f"{text}as = 'payment_{name}'").fields[name].column == f"payment_{name}"
    assert "fields.id.as: " in problem(f"{HEAD}as = '{name}'")


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("card", ("card",)),
        ("card.amount", ("card", "amount")),
        ('card."a.b".amount', ("card", "a.b", "amount")),
        ('"a"', ("a",)),
        ('""."x"', ("", "x")),
        (r'"a\"b"', ('a"b',)),
        (r'"a\\b"', ("a\\b",)),
        ('"a\nb"', ("a\nb",)),
        ("a b.ü", ("a b", "ü")),
    ],
)
def test_paths(path: str, keys: tuple[str, ...]) -> None:
    """A path is split at its dots, except for those in quotes."""
    assert schema(f"{X}type = 'text'\npath = {json.dumps(path, ensure_ascii=False)}").fields["x"].path == keys


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", '"a', 'a"b"', '"a"b', '"a\\'])
def test_texts_that_are_no_path(path: str) -> None:
    """Keys that are empty or not closed are refused."""
    assert problem(f"{X}type = 'text'\npath = {json.dumps(path)}") == f"payment.toml, line 6, fields.x.path: {PATH}"


def test_number_of_fields() -> None:
    """A schema has at most 200 fields."""
    fields = [f'[fields.f{number}]\ntype = "integer"\n' for number in range(200)]
    assert len(schema('id = "f0"\n' + "".join(fields)).fields) == 200
    fields.append('[fields.last]\ntype = "text"\n')
    assert problem('id = "f0"\n' + "".join(fields)) == "payment.toml, fields: has at most 200 fields"


def test_limits_of_integers() -> None:
    """Limits up to ±(2^63-1) are exact; 1e3 is a whole number."""
    limits = schema(f"{X}type = 'integer'\nmin = {-INTEGER_LIMIT}\nmax = {INTEGER_LIMIT}").fields["x"]
    assert (limits.min, limits.max) == (-INTEGER_LIMIT, INTEGER_LIMIT)
    assert within(limits, INTEGER_LIMIT)
    assert not within(limits, INTEGER_LIMIT + 1)
    thousand = schema(f"{X}type = 'integer'\nmax = 1e3")
    PaymentValues(thousand)
    assert isinstance(thousand.fields["x"].max, int)


def test_large_and_deep_files() -> None:
    """Files that are too large or nested too deeply are refused, comments of any length are not."""
    assert schema(f"# {'a' * 1_000_000}\n{DEFAULT}") == schema(DEFAULT)
    too_large = "payment.toml: has more than 1,048,576 characters, too large for a payment.toml"
    assert problem(f"# {'a' * 1_100_000}\n{DEFAULT}") == too_large
    too_deep = "payment.toml: arrays or tables are nested too deeply"
    assert problem(f"{X}default = {'[' * 5_000}{']' * 5_000}") == too_deep
    assert "must be" in problem(f"{X}type.{'.'.join(['a'] * 1_000)} = 3")


def layout_and_features(text: str) -> tuple[str, str]:
    """Return the two hashes of the schema in `text`."""
    found = schema(text)
    return found.layout_sha256, found.features_sha256


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("# what costs", "# the sum that costs", ""),
        ('words = "amount {}"', 'words = "a sum of {}"', ""),
        ('words = "amount {}"', "index = true", ""),
        ("max = 1e12", "max = 1e11", ""),
        ("above = 0", "min = 0", ""),
        ("max = 1e12", 'path = "sum.paid"', ""),
        ("max = 1e12", "strict = false", ""),
        ("max = 1e12", "required = false", ""),
        ("max = 9223372036854775807", 'as = "id"', "layout"),
        ("[fields.failed_logins]", '[fields.note]\ntype = "text"\nsecret = true\n\n[fields.failed_logins]', "layout"),
        ("max = 1e12", 'as = "paid"', "layout"),
        (
            '[fields.is_new_device]\ntype = "integer"\nmin = 0\nmax = 1',
            '[fields.is_new_device]\ntype = "boolean"',
            "both",
        ),
        ("[fields.failed_logins]", "[fields.logins]", "both"),
        ('{ scale = "log" }', '{ scale = "linear" }', "features"),
        ('{ risk = "rising" }', "true", "features"),
        ("{ period = 24 }", "false", "features"),
    ],
)
def test_hashes(before: str, after: str, changed: str) -> None:
    """The layout's hash is of names, types, order and secret; the features' of names, types and scales."""
    assert before in DEFAULT
    layout, features = layout_and_features(DEFAULT)
    other_layout, other_features = layout_and_features(DEFAULT.replace(before, after))
    assert (other_layout != layout) == (changed in {"layout", "both"})
    assert (other_features != features) == (changed in {"features", "both"})


def test_the_order_changes_both_hashes() -> None:
    """A field that moves is another column of the CSV, and of the model's matrix."""
    head, *tables = DEFAULT.split("\n[fields.")
    moved = "\n[fields.".join([head, *reversed(tables)])
    assert all(
        one != other for one, other in zip(layout_and_features(moved), layout_and_features(DEFAULT), strict=True)
    )


LINES = st.sampled_from(
    [
        *DEFAULT.splitlines(),
        'fields.x.type = "text"',
        "fields.x.min = nan",
        "feature = 3",
        "default = inf",
        "min = 10000000000000000000000",
        'path = "a.b"',
        '[fields."a]b"]',
        "[[fields]]",
        'words = """',
        "default = 2024-01-01",
        "default = { a = [1] }",
    ]
)


@given(
    st.one_of(
        st.text(),
        st.text(alphabet="\"'[]{}=.,#\n\\ fieldsx01e-_"),
        st.lists(LINES, max_size=12).map("\n".join),
        st.tuples(st.lists(LINES, max_size=12), st.text(max_size=10), st.integers(0, 99)).map(
            lambda parts: (text := "\n".join(parts[0]))[: parts[2]] + parts[1] + text[parts[2] :]
        ),
    )
)
@example('id = "\ud800"\n[fields."\ud800"]\n"\ud800" = "\ud800"')
@example("'' = 3")
@example(f"a = {'9' * 5_000}")
@example("a = 9999-99-99")
def test_no_text_raises_anything_else(text: str) -> None:
    """A text is a schema, or a SchemaError whose message names the file."""
    assert not (message := refusal(text)) or message.startswith("payment.toml")


@given(st.text())
def test_no_field_raises_anything_else(text: str) -> None:
    """Any text as a name, path, default, name in outputs, words or time zone is accepted or refused."""
