"""Formats that senders use by mistake, detected in a refused message. Pure; no detail quotes a value."""

import re
import unicodedata

import pydantic_core

_INSPECTED_BYTES = 64
_JSON_SPACE = b" \t\r\n"
_UTF_8 = "encode the JSON as UTF-8 without a byte order mark"
_UNPACKED = "send plain JSON, and let the Kafka client compress (compression.type)"
_UNFRAMED = "send plain JSON, without a Schema Registry serializer"
_PREFIXES = (
    (b"\xef\xbb\xbf", f"the value begins with a UTF-8 byte order mark: {_UTF_8}"),
    (b"\xff\xfe\x00\x00", f"the value is UTF-32: {_UTF_8}"),
    (b"\x00\x00\xfe\xff", f"the value is UTF-32: {_UTF_8}"),
    (b"{\x00\x00\x00", f"the value is UTF-32: {_UTF_8}"),
    (b"\x00\x00\x00{\x00\x00\x00", f"the value is UTF-32: {_UTF_8}"),
    (b"\xff\xfe", f"the value is UTF-16: {_UTF_8}"),
    (b"\xfe\xff", f"the value is UTF-16: {_UTF_8}"),
    (b"\x1f\x8b", f"the value is compressed with gzip: {_UNPACKED}"),
    (b"\x28\xb5\x2f\xfd", f"the value is compressed with zstd: {_UNPACKED}"),
    (b"\x04\x22\x4d\x18", f"the value is compressed with lz4: {_UNPACKED}"),
    (b"\xff\x06\x00\x00sNaPpY", f"the value is compressed with snappy: {_UNPACKED}"),
    (b"\xfd7zXZ\x00", f"the value is compressed with xz: {_UNPACKED}"),
    (b"BZh9", f"the value is compressed with bzip2: {_UNPACKED}"),
    (b"PK\x03\x04", f"the value is a ZIP archive: {_UNPACKED}"),
    (b"\x82SNAPPY\x00", f"the value is compressed with snappy: {_UNPACKED}"),
    (b"Obj\x01", "the value is an Avro container file: send one payment as plain JSON in each message"),
    (b"eyJ", "the value is base64: send the JSON itself"),
    (b"\xac\xed\x00\x05", "the value is a serialized Java object: send plain JSON, as text or bytes"),
)
_PATTERNS = (
    (re.compile(rb"([\t\n\r -~]\0){2}|(\0[\t\n\r -~]){2}"), f"the value is UTF-16: {_UTF_8}"),
    (re.compile(rb"<[A-Za-z?!]"), "the value is XML or HTML: send JSON"),
)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_NEXT_OBJECT = re.compile(rb"\}[ \t\r\n]*+\{")
_ZLIB = 0x78
_REGISTRY_BYTES = 5
_WRAPPERS = ("payload", "after", "data", "value", "payment", "message", "body", "event", "record", "detail", "before")


def of_bytes(value: bytes, problem: str = "") -> str | None:
    """Return the detail for a value that is not JSON, given the parser's `problem`; None if its format is unknown."""
    for prefix, detail in _PREFIXES:
        if value.startswith(prefix):
            return detail
    for pattern, detail in _PATTERNS:
        if pattern.match(value):
            return detail
    if len(value) > 1 and value[0] == _ZLIB and int.from_bytes(value[:2]) % 31 == 0:
        return f"the value is compressed with zlib: {_UNPACKED}"
    if len(value) > _REGISTRY_BYTES and value[0] == 0 and value[1] != ord("{"):
        body = value[_REGISTRY_BYTES : _REGISTRY_BYTES + _INSPECTED_BYTES].lstrip(_JSON_SPACE)
        content = "JSON" if body.startswith((b"{", b"[")) else "Avro or Protobuf"
        return (
            f"the value has a Schema Registry prefix (a zero byte and a 4-byte schema id), then {content}: {_UNFRAMED}"
        )
    if "trailing characters" in problem and value.lstrip(_JSON_SPACE).startswith(b"{") and _NEXT_OBJECT.search(value):
        return "the value has more than one JSON object: send each payment as a separate message"
    return _explain_invisible(value) or _explain_binary(value)


def of_json(value: bytes) -> str | None:
    """Return the detail for a value that is JSON but not an object; None if there is nothing to add."""
    parsed = _parse(value)
    if isinstance(parsed, list):
        return "the value is a JSON array: send each payment as a separate message"
    if _is_serialized(parsed):
        return "the value is a JSON string that contains JSON: it was serialized twice; send the object itself"
    if isinstance(parsed, str) and parsed.startswith("eyJ"):
        return "the value is a JSON string that contains base64: send the object itself"
    return None


def of_object(value: bytes) -> str | None:
    """Return the detail for a JSON object without any field of a payment; None if it is not a known envelope."""
    parsed = _parse(value)
    if not isinstance(parsed, dict):
        return None
    if "schema" in parsed and "payload" in parsed:
        return (
            "the value is a Kafka Connect envelope (schema, payload): set value.converter.schemas.enable=false, "
            "so that the payment's fields are at the top level"
        )
    for name in _WRAPPERS:
        if isinstance(parsed.get(name), dict):
            return f"the value has an object in {name!r}: the payment's fields must be at the top level"
        if _is_serialized(parsed.get(name)):
            return f"the value has JSON in a string in {name!r}: send the payment's fields at the top level"
    return None


def _is_serialized(parsed: object) -> bool:
    return isinstance(parsed, str) and parsed.lstrip().startswith(("{", "["))


def _parse(value: bytes) -> object:
    try:
        return pydantic_core.from_json(value)
    except ValueError:  # the validator skips unknown fields, this parser does not
        return None


def _explain_invisible(value: bytes) -> str | None:
    """Return the detail for an invisible character before or after an object that is not white space in JSON."""
    head = value.lstrip(_JSON_SPACE)[:_INSPECTED_BYTES].decode(errors="replace")
    tail = value.rstrip(_JSON_SPACE)[-_INSPECTED_BYTES:].decode(errors="replace")
    for text, braces, place in ((head, ("{", "["), "begins"), (tail[::-1], ("}", "]"), "ends")):
        visible = next((character for character in text if not _is_invisible(character)), None)
        if visible in braces and _is_invisible(text[0]):
            name = unicodedata.name(text[0], "a control character")
            return (
                f"the value {place} with U+{ord(text[0]):04X} ({name}), which is not white space in JSON: "
                "only space, tab, line feed and carriage return are"
            )
    return None


def _is_invisible(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in {"Cc", "Cf"}


def _explain_binary(value: bytes) -> str | None:
    """Return the detail for a value that is not UTF-8 text."""
    try:
        value.decode()
    except UnicodeDecodeError as error:
        return f"byte {error.start + 1:,} of the value is not UTF-8: send JSON, encoded as UTF-8"
    control = _CONTROL.search(value)
    if control and not value.startswith((b"{", b"[")):  # the parser reports those inside JSON strings
        return f"byte {control.start() + 1:,} of the value is a control character (a binary format?): send JSON"
    return None
