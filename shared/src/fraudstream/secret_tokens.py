"""Tokens in place of the values of secret fields: equal for equal values, and of no use without the key. Pure.

    token = key id "." base64url(HMAC-SHA-256(key, field name 0 type 0 text)[:18])

HMAC: RFC 2104. 144 bits: two of 10^12 different values have the same token with a probability of 2e-20. The field's
name and type are part of it, so that equal values of two fields can't be recognised as equal. The id of the key is a
part of its hash: tokens of a new key differ from those of an old one at their beginning.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fraudstream.cell_text import plain_writer
from fraudstream.errors import SettingsError
from fraudstream.payment import Payments
from fraudstream.payment_schema import DeclaredField, PaymentSchema

__all__ = ["FEWEST_KEY_BYTES", "Tokens", "is_in_clear", "is_token", "masked"]

FEWEST_KEY_BYTES = 32
_TOKEN_BYTES = 18
_ID_DIGITS = 8
_LENGTH = _ID_DIGITS + 1 + 4 * _TOKEN_BYTES // 3
_TOKEN = re.compile(rf"[0-9a-f]{{{_ID_DIGITS}}}\.[\w-]{{{4 * _TOKEN_BYTES // 3}}}", re.ASCII)
_RECORD_KEY = b"\0record key\0"
"""In place of name and type for the key of a record; no field has this name."""


class Tokens:
    """Tokens of one key."""

    def __init__(self, key: bytes) -> None:
        """Raise SettingsError if the key is too short."""
        if len(key) < FEWEST_KEY_BYTES:
            raise SettingsError(f"SECRETS_KEY: has {len(key)} bytes, at least {FEWEST_KEY_BYTES} are needed")
        self._key = key
        self.key_id = hashlib.sha256(b"fraudstream key id\0" + key).hexdigest()[:_ID_DIGITS]

    def of_columns(self, schema: PaymentSchema, payments: Payments) -> Payments:
        """Return the payments with tokens in place of the values of secret fields; missing values stay missing."""
        return {
            **payments,
            **{name: self._column(one, payments[name]) for name, one in schema.fields.items() if one.secret},
        }

    def of_record_key(self, key: bytes) -> bytes:
        """Return the token of a record's key."""
        return self._token(_RECORD_KEY, key).encode()

    def _column(self, one: DeclaredField, values: Sequence[Any]) -> list[str | None]:
        prefix = f"{one.name}\0{one.type}\0".encode()
        texts = iter(plain_writer(one)([value for value in values if value is not None]))
        return [None if value is None else self._token(prefix, next(texts).encode()) for value in values]

    def _token(self, prefix: bytes, text: bytes) -> str:
        digest = hmac.digest(self._key, prefix + text, "sha256")[:_TOKEN_BYTES]
        return f"{self.key_id}.{base64.urlsafe_b64encode(digest).decode()}"


def is_token(value: object) -> bool:
    """Return whether the value is a text in the form of a token, of any key."""
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def is_in_clear(one: DeclaredField, value: object) -> bool:
    """Return whether a stored value is a secret in clear: its record is older than the field's `secret = true`."""
    return one.secret and value is not None and not is_token(value)


def masked(schema: PaymentSchema) -> PaymentSchema:
    """Return the schema of the outputs, in which secret fields are texts: their tokens."""
    fields = {name: _masked(one) if one.secret else one for name, one in schema.fields.items()}
    return replace(schema, fields=fields)


def _masked(one: DeclaredField) -> DeclaredField:
    return replace(one, type="text", max_length=_LENGTH, default=None)
