"""The text of a payment.toml → a schema, or all problems with file, line, key and fix; the two hashes."""

import re
from importlib import resources
from pathlib import Path

import pytest

from fraudstream.errors import SchemaError
from fraudstream.payment_schema import INTEGER_LIMIT, RESERVED, Feature, PaymentSchema, parse
from fraudstream.payment_schema.written import FieldTable, File
from fraudstream.payment_values import PaymentValues

ROOT = Path(__file__).parents[2]
DEFAULT = (ROOT / "data/payment.toml").read_text(encoding="utf-8")
DOCUMENT = (ROOT / "docs/payment-schema.md").read_text(encoding="utf-8")
HEAD = 'id = "id"\n[fields.id]\ntype = "text"\n'
X = f"{HEAD}[fields.x]\n"
"""A file whose next line, the fifth, is in the table of field x."""
TYPES = "must be 'integer', 'number', 'boolean', 'text', 'category' or 'time'"
KEYS = (
    "there are type, path, min, max, above, below, max_length, required, default, strict, feature, secret, index, "
    "words, words_if_zero, as, timezone"
)
NAME = "a name has letters, digits and _, does not begin with a digit, 64 at most"
PATH = 'keys are separated by dots, keys with dots are quoted: a."b.c"'
TWICE = "a key or table that occurs before: remove one of the two"
OTHER_NAME = 'give one another name there, as = "NAME"'
OTHER_PATH = "remove one, or give it another path"


def schema(text: str) -> PaymentSchema:
    """Return the schema in `text`; it is valid."""
    return parse(text, "payment.toml")


def problem(text: str) -> str:
    """Return the message about an invalid file."""
    with pytest.raises(SchemaError) as caught:
        parse(text, "payment.toml")
    return str(caught.value)


def test_the_library_carries_the_default() -> None:
    """Where there is no data/payment.toml, the same schema applies."""
    assert resources.files("fraudstream.payment_schema").joinpath("payment.toml").read_text(encoding="utf-8") == DEFAULT


def test_the_document_has_every_key() -> None:
    """docs/payment-schema.md lists the keys of the file, of a field and of its feature; its example is valid."""
    first_cells = "".join(re.findall(r"^\|([^|]*)\|", DOCUMENT, re.MULTILINE))
    listed = set(re.findall(r"`([a-z_]+)`", first_cells))
    keys = {*File.model_fields, *FieldTable.model_fields, *Feature.model_fields} - {"fields", "as_"}
    assert keys | {"as"} <= listed
    assert [name for name in RESERVED if f"`{name}`" not in DOCUMENT and not name.startswith("challenger_")] == []
    example = re.search(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    assert example
    assert [*schema(example[1]).fields] == ["payment_id", "amount", "card_country"]


def test_the_label() -> None:
    """The outcome is is_fraud, or what the key label names; a field that is read from there has its outcome leaked."""
    assert schema(HEAD).label == ("is_fraud",)
    assert schema('label = "outcome.\\"is fraud\\""\n' + HEAD).label == ("outcome", "is fraud")
    other = 'label = "NAME"'
    assert problem(f'{HEAD}[fields.is_fraud]\ntype = "boolean"\n') == (
        "payment.toml, line 4, fields.is_fraud: is read from is_fraud, but is_fraud is the label, the outcome in "
        f"histories: remove the field, or name another label, {other}"
    )
    for path in ("a", "a.b", "a.b.c"):
        text = f'label = "a.b"\n{X}type = "boolean"\npath = "{path}"\n'
        assert problem(text).startswith(f"payment.toml, line 5, fields.x: is read from {path}, but a.b is the label")
    assert "is the name of the outcome" in problem(f'{HEAD}[fields.is_fraud]\ntype = "boolean"\npath = "fraud"\n')
    assert problem(f'label = "a..b"\n{HEAD}') == f"payment.toml, line 1, label: {PATH}"


def refusal(text: str) -> str:
    """Return the message about a file; empty if it is valid, and a validator can be built from it."""
    try:
        PaymentValues(parse(text, "payment.toml"))
    except SchemaError as error:
        return str(error)
    return ""


def test_the_default_file() -> None:
    """The default file declares the six fields of the built-in payment."""
    default = schema(DEFAULT)
    assert {name: one.type for name, one in default.fields.items()} == {
        "payment_id": "integer",
        "amount": "number",
        "country_risk_score": "number",
        "failed_logins": "integer",
        "transaction_hour": "integer",
        "is_new_device": "integer",
    }
    assert (default.id, default.amount, default.time, default.key) == ("payment_id", "amount", None, None)
    assert [one.name for one in default.features] == [*default.fields][1:]
    assert default.fields["payment_id"].max == INTEGER_LIMIT
    assert default.fields["amount"].words == "amount {}"
    assert default.fields["transaction_hour"].words == "{}"
    assert default.fields["country_risk_score"].words_if_zero is None
    assert default.fields["failed_logins"].words_if_zero == "no failed logins"
    assert default.fields["transaction_hour"].feature == Feature(period=24)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id = id", ", line 1: Invalid value: a text is in straight quotes"),
        ('id = "id\n', ", line 1: Illegal character '\\n': a quote is closed on its own line"),
        (
            f"{X}type = 'text'\namount = 'x'",
            ", line 6, fields.x.amount: belongs at the top of the file, before the first table",
        ),
        (f"headers = 'a'\n{HEAD}", ', line 1, headers: must be a list, such as ["traceparent"]'),
        (f"{X}type = 'text'\nas = ''", f", line 6, fields.x.as: {NAME}"),
        (
            f"{X}type = 'category'\nfeature = {{ scale = 'log' }}",
            ", line 6, fields.x.feature: scale and period are for types integer and number, not for category",
        ),
        ("x", ", line 1: Expected '=' after a key in a key/value pair"),
        (f"{HEAD}[fields.x\n", ", line 4: Expected ']' at the end of a table declaration"),
        (f'{X}type = "text"\ntype = "number"', f", line 6: {TWICE}"),
        (f'{X}type = "text"\n[fields.x]\n', f", line 6: {TWICE}"),
        ("id = 3\n[fields.id]\ntype = 'text'", ", line 1, id: must be a text, in quotes"),
        (
            "[fields.id]\ntype = 'text'",
            ', id: is missing: id = "NAME" names the field that identifies a payment',
        ),
        ("id = 'x'", ", fields: is missing: declare each field in a table of its own, [fields.NAME]"),
        ("id = 'x'\n[fields]\n", ", line 2, fields: has at least one field"),
        ("id = 'x'\nfields = 3", ", line 2, fields: must be a table"),
        ("id = 'x'\n[[fields]]\nx = 3", ", line 2, fields: must be a table"),
        ("id = 'x'\n[fields]\nx = 3", ", line 3, fields.x: must be a table"),
        ("id = 'idd'\n[fields.id]\ntype = 'text'", ", line 1, id: no field is named 'idd'; did you mean id?"),
        ("id = 'q'\n[fields.id]\ntype = 'text'", ", line 1, id: no field is named 'q'; there are id"),
        ("id = 'id'\nkee = 'id'\n[fields.id]\ntype = 'text'", ", line 2, kee: is not a key here; did you mean key?"),
        (
            "id = 'id'\namount = 'id'\n[fields.id]\ntype = 'text'",
            ", line 2, amount: id has type text, but must have type integer or number",
        ),
        (
            "id = 'id'\n[fields.id]\ntype = 'boolean'",
            ", line 1, id: id has type boolean, but must have type integer or text",
        ),
        (
            f"{HEAD}secret = true",
            ", line 4, fields.id.secret: the id can't be secret: it names the payment in every output",
        ),
        (f"{HEAD}required = false", ", line 4, fields.id.required: the id is required in every payment"),
        (f"{X}", ", line 4, fields.x.type: is missing: one of integer, number, boolean, text, category, time"),
        (f"{X}type = 'string'", f", line 5, fields.x.type: {TYPES}"),
        (f"{X}type = 'text'\nsecrets = true", ", line 6, fields.x.secrets: is not a key here; did you mean secret?"),
        (f"{X}type = 'text'\nzz = true", f", line 6, fields.x.zz: is not a key here; {KEYS}"),
        (f"{X}type = 'number'\nmin = '3'", ", line 6, fields.x.min: must be a number"),
        (f"{X}type = 'number'\nmax = true", ", line 6, fields.x.max: must be a number"),
        (f"{X}type = 'number'\nmin = nan", ", line 6, fields.x.min: nan is not a finite number"),
        (f"{X}type = 'number'\nbelow = inf", ", line 6, fields.x.below: inf is not a finite number"),
        (f"{X}type = 'integer'\nabove = -inf", ", line 6, fields.x.above: -inf is not a whole number"),
        (f"{X}type = 'integer'\nmin = 1.5", ", line 6, fields.x.min: 1.5 is not a whole number"),
        (
            f"{X}type = 'integer'\nmax = {INTEGER_LIMIT + 1}",
            f", line 6, fields.x.max: integers are within ±{INTEGER_LIMIT}",
        ),
        (f"{X}type = 'integer'\nmax = 1e19", f", line 6, fields.x.max: integers are within ±{INTEGER_LIMIT}"),
        (
            f"{X}type = 'number'\nmax = 1{'0' * 400}",
            ", line 6, fields.x.max: a number of more than 308 digits is not a finite number",
        ),
        (f"{X}type = 'number'\nmax = 1{'0' * 5000}", ": a number has too many digits"),
        (
            f"{X}type = 'number'\nmax = 0x1{'0' * 5000}",
            ", line 6, fields.x.max: a number of more than 308 digits is not a finite number",
        ),
        (f"{X}type = 'text'\nmin = 3", ", line 6, fields.x.min: only for types integer and number, not for text"),
        (f"{X}type = 'number'\nmin = 1\nabove = 2", ", line 7, fields.x.above: set min or above, not both"),
        (f"{X}type = 'integer'\nmin = 3\nmax = 2", ", line 7, fields.x.max: no value is possible with min = 3"),
        (f"{X}type = 'number'\nabove = 2\nbelow = 2", ", line 7, fields.x.below: no value is possible with above = 2"),
        (
            f"{X}type = 'integer'\nabove = 2\nbelow = 3",
            ", line 7, fields.x.below: no value is possible with above = 2",
        ),
        (
            f"{X}type = 'number'\nmax_length = 3",
            ", line 6, fields.x.max_length: only for types text and category, not for number",
        ),
        (
            f"{X}type = 'text'\nmax_length = 4097",
            ", line 6, fields.x.max_length: must be less than or equal to 4096",
        ),
        (f"{X}type = 'text'\nrequired = 'no'", ", line 6, fields.x.required: must be true or false"),
        (f"{X}type = 'text'\ndefault = 'a'", ", line 6, fields.x.default: only for a field with required = false"),
        (
            f"{X}type = 'integer'\nrequired = false\ndefault = 3.0",
            ", line 7, fields.x.default: is not of type integer",
        ),
        (
            f"{X}type = 'number'\nrequired = false\ndefault = nan",
            ", line 7, fields.x.default: nan is not a finite number",
        ),
        (
            f"{X}type = 'integer'\nrequired = false\ndefault = {-INTEGER_LIMIT - 1}",
            f", line 7, fields.x.default: integers are within ±{INTEGER_LIMIT}",
        ),
        (
            f"{X}type = 'number'\nmax = 1\nrequired = false\ndefault = 2",
            ", line 8, fields.x.default: is outside the field's range",
        ),
        (
            f"{X}type = 'text'\nrequired = false\ndefault = [1]",
            ", line 7, fields.x.default: must be true or false, a number, or a text",
        ),
        (f"{X}type = 'time'\nrequired = false\ndefault = 3", ", line 7, fields.x.default: a time has no default"),
        (
            f"{X}type = 'text'\nfeature = true",
            ", line 6, fields.x.feature: a text can't be a feature: use type category if it has few values",
        ),
        (
            f"{X}type = 'number'\nfeature = 3",
            ', line 6, fields.x.feature: must be true, false or a table such as { scale = "log" }',
        ),
        (
            f"{X}type = 'number'\nfeature = {{ scale = 'lg' }}",
            ", line 6, fields.x.feature.scale: must be 'linear', 'log' or 'count'",
        ),
        (
            f"{X}type = 'number'\n[fields.x.feature]\nscales = 'log'",
            ", line 7, fields.x.feature.scales: is not a key here; did you mean scale?",
        ),
        (
            f"{X}type = 'number'\nfeature = {{ scale = 'log' }}",
            ", line 6, fields.x.feature: scale log needs min = 0 or above = 0 at least",
        ),
        (
            f"{X}type = 'number'\nfeature = {{ period = inf }}",
            ", line 6, fields.x.feature.period: must be a finite number",
        ),
        (
            f"{X}type = 'number'\nfeature = {{ scale = 'linear', period = 7 }}",
            ", line 6, fields.x.feature: set scale or period, not both",
        ),
        (
            f"{X}type = 'boolean'\nfeature = {{ period = 7 }}",
            ", line 6, fields.x.feature: scale and period are for types integer and number, not for boolean",
        ),
        (
            f"{X}type = 'time'\ntimezone = 'Mars/Base'",
            ", line 6, fields.x.timezone: 'Mars/Base' is not a time zone; an IANA name such as Europe/Berlin",
        ),
        (f"{X}type = 'text'\ntimezone = 'UTC'", ", line 6, fields.x.timezone: only for type time, not for text"),
        (
            f"{X}type = 'number'\nwords = '{{}} of {{}}'",
            ", line 6, fields.x.words: {} is the value's place, and occurs once at most; other braces are not allowed",
        ),
        (
            f"{X}type = 'category'\nwords_if_zero = 'none'",
            ", line 6, fields.x.words_if_zero: only for types integer, number and boolean, not for category",
        ),
        (
            f"{X}type = 'number'\nwords_if_zero = 'no {{}}'",
            ", line 6, fields.x.words_if_zero: has no place for the value, which is 0: braces are not allowed",
        ),
        (f"{X}type = 'number'\nwords = '{'a' * 101}'", ", line 6, fields.x.words: has at most 100 characters"),
        (f"{HEAD}[fields.'a b']\ntype = 'text'", f', line 4, fields."a b": {NAME}; use path'),
        (f"{HEAD}[fields.ä]\ntype = 'text'".replace("ä", '"ä"'), f', line 4, fields."ä": {NAME}; use path'),
        (f"{HEAD}[fields.{'a' * 65}]\ntype = 'text'", f", line 4, fields.{'a' * 65}: {NAME}; use path"),
        (f"{HEAD}[fields.9]\ntype = 'text'", f", line 4, fields.9: {NAME}; use path"),
        (f"{X}type = 'text'\nas = '9'", f", line 6, fields.x.as: {NAME}"),
        (
            f"{X}type = 'text'\nas = 'id'",
            f", line 6, fields.x.as: two fields are named id in the outputs: {OTHER_NAME}",
        ),
        (f"{X}type = 'text'\npath = 'a..b'", f", line 6, fields.x.path: {PATH}"),
        (f"{X}type = 'text'\npath = 'id'", f", line 6, fields.x.path: two fields are read from id: {OTHER_PATH}"),
        (
            f"{X}type = 'text'\npath = 'id.number'",
            ", line 6, fields.x.path: is inside the value of field id, which can't be an object: remove one of the two",
        ),
    ],
)
def test_wrong_files(text: str, message: str) -> None:
    """A message has the file, the line, the key and the fix."""
    problems = problem(text).split("; payment.toml")
    assert f"payment.toml{message}" in [problems[0], *(f"payment.toml{one}" for one in problems[1:])]


def test_all_problems_are_listed_in_the_order_of_the_lines() -> None:
    """One run shows every problem, each with its line."""
    text = "id = 'i'\n[fields.x]\ntype = 'nr'\nmin = 'a'\n[fields.y]\ntype = 'text'\nfeature = 1\n"
    assert problem(text) == (
        f"payment.toml, line 3, fields.x.type: {TYPES}; payment.toml, line 4, fields.x.min: must be a number; "
        'payment.toml, line 7, fields.y.feature: must be true, false or a table such as { scale = "log" }'
    )
