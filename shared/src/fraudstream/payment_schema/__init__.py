"""Schema of a payment: its declared fields, read from the text of a `payment.toml`.

docs/payment-schema.md describes the file for users. An error names the line, the key and how to fix it.
"""

from fraudstream.payment_schema.checks import integer_range, is_reserved, within
from fraudstream.payment_schema.default import default_schema
from fraudstream.payment_schema.parsing import LARGEST_FILE, parse
from fraudstream.payment_schema.schema import DeclaredField, PaymentSchema, is_ours, place
from fraudstream.payment_schema.written import (
    INTEGER_LIMIT,
    LABEL,
    LONGEST,
    MOST_CHARACTERS,
    MOST_FIELDS,
    RESERVED,
    TYPES,
    Feature,
    Type,
)

__all__ = [
    "INTEGER_LIMIT",
    "LABEL",
    "LARGEST_FILE",
    "LONGEST",
    "MOST_CHARACTERS",
    "MOST_FIELDS",
    "RESERVED",
    "TYPES",
    "DeclaredField",
    "Feature",
    "PaymentSchema",
    "Type",
    "default_schema",
    "integer_range",
    "is_ours",
    "is_reserved",
    "parse",
    "place",
    "within",
]
