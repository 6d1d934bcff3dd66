"""Formats that senders use by mistake, detected in a refused message. Pure; no detail quotes a value."""

import re
import unicodedata

import pydantic_core

_INSPECTED_BYTES = 64
_JSON_SPACE = b" \t\r\n"
_UTF_8 = "encode the JSON as UTF-8 without a byte order mark"
_UNPACKED = "send plain JSON, and let the Kafka client compress (compression.type)"
_PLAIN = "send plain JSON, as UTF-8 text"
_UNFRAMED = f"{_PLAIN} (Kafka Connect: JsonConverter with schemas.enable=false)"
_LIBRARY = "serialize it with a JSON library"
_ONE_EACH = "send each payment as a separate message"
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
    (b"Obj\x01", f"the value is an Avro container file: {_ONE_EACH}, as plain JSON"),
    (b"\xc3\x01", f"the value is Avro (single-object encoding): {_PLAIN}"),
    (b"PAR1", f"the value is a Parquet file: {_ONE_EACH}, as plain JSON"),
    (b"eyJ", "the value is base64: send the JSON itself"),
    (b"\xac\xed\x00\x05", "the value is a serialized Java object: send plain JSON, as text or bytes"),
    (b"[object ", "the value is a JavaScript object converted to text: send JSON.stringify(object)"),
)
_PATTERNS = (
    (rb"([\t\n\r -~]\0){2}|(\0[\t\n\r -~]){2}", f"the value is UTF-16: {_UTF_8}"),
    (rb"<[A-Za-z?!]", "the value is XML or HTML: send JSON"),
    (rb"b['\"]", "the value is a Python bytes literal as text: send the bytes themselves"),
    (rb"\s*+(\[\s*+)?\{\s*+'", "the value has single quotes, as Python's str(dict) writes: send json.dumps(dict)"),
    (rb"\s*+\{\s*+[A-Za-z_$][\w.$-]{0,99}+\s*+:", f"the names of fields are not in double quotes: {_LIBRARY}"),
    (
        rb"\s*+([A-Za-z_$][\w.$]{0,99}+)?[\[({]\s*+[A-Za-z_$][\w.$]{0,99}+\s*+=",
        f"the value is an object converted to text (name=value), not JSON: {_LIBRARY}",
    ),
    (rb"[\w.]{1,99}+=[^&\s]{0,999}+&[\w.]", "the value is a URL-encoded form: send a JSON object"),
    (
        rb"\"?[\w.-]{1,99}+\"? *+[,;\t]",
        "the value begins like a row of a delimited file (CSV): send a JSON object, with the names of the fields",
    ),
    (rb"[\x81-\x8f][\xa1-\xbf\xd9]|\xde..[\xa1-\xbf\xd9]", f"the value looks like MessagePack: {_PLAIN}"),
    (rb"[\xa1-\xb7\xbf][\x61-\x78]", f"the value looks like CBOR: {_PLAIN}"),
)
_FORMATS = (*((re.escape(prefix), detail) for prefix, detail in _PREFIXES), *_PATTERNS)
# one expression: a message takes 6 µs, with one for each format 19
_BEGINNING = re.compile(b"|".join(b"(?P<f%d>%s)" % (at, one) for at, (one, _) in enumerate(_FORMATS)), re.DOTALL)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_TRAILING = re.compile(r"trailing characters at line (\d{1,9}) column (\d{1,9})")
_OBJECT = re.compile(rb"\{[ \t\r\n]*+[\"}]")
_REGISTRY_BYTES, _GLUE_BYTES = 5, 18
_MOST_SCHEMAS = 1_000_000
"""A larger number is probably no schema id, but data, which no detail quotes."""
_WRAPPERS = ("payload", "after", "data", "value", "payment", "message", "body", "event", "record", "detail", "before")


def of_bytes(value: bytes, problem: str = "") -> str | None:
    """Return the detail for a value that is not JSON, given the parser's `problem`; None if its format is unknown."""
    if found := _BEGINNING.match(value):
        return _FORMATS[int((found.lastgroup or "f0")[1:])][1]
    if value.lstrip(_JSON_SPACE).startswith(b"{") and _OBJECT.match(_trailing(value, problem)):
        return f"the value has several JSON objects, one after another: {_ONE_EACH}"
    return (
        _explain_framing(value) or _explain_invisible(value) or _explain_binary(value) or _explain_text(value, problem)
    )


def of_json(value: bytes) -> str:
    """Return the detail for a value that is JSON, but not an object."""
    parsed = _parse(value)
    if isinstance(parsed, list):
        return f"the value is a JSON array: {_ONE_EACH}"
    if _is_serialized(parsed):
        return "the value is a JSON string that contains JSON: it was serialized twice; send the object itself"
    if isinstance(parsed, str) and parsed.startswith("eyJ"):
        return "the value is a JSON string that contains base64: send the object itself"
    kind = {bool: "true or false", int: "a number", float: "a number", str: "a string", type(None): "null"}
    return (
        f"the value is JSON, but {kind.get(type(parsed), 'another type')}, not an object: send one payment as an object"
    )


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
    if "op" in parsed and ("after" in parsed or "before" in parsed):
        return (
            "the value is a change event of Debezium (before, after, op): add the transform ExtractNewRecordState, "
            "so that the payment's fields are at the top level"
        )
    return next((detail for name in _WRAPPERS if (detail := _explain_wrapper(name, parsed.get(name)))), None)


def _explain_wrapper(name: str, content: object) -> str | None:
    if isinstance(content, dict):
        return f"the value has an object in {name!r}: the payment's fields must be at the top level"
    if isinstance(content, list):
        return f"the value has an array in {name!r}: {_ONE_EACH}, with its fields at the top level"
    if _is_serialized(content):
        return f"the value has JSON in a string in {name!r}: send the payment's fields at the top level"
    return None


def _is_serialized(parsed: object) -> bool:
    return isinstance(parsed, str) and parsed.lstrip().startswith(("{", "["))


def _parse(value: bytes) -> object:
    try:
        return pydantic_core.from_json(value)
    except ValueError:  # the validator skips unknown fields, this parser does not
        return ...


def _trailing(value: bytes, problem: str) -> bytes:
    """Return the bytes after the first JSON value, at the place that the parser's `problem` names."""
    if not (found := _TRAILING.match(problem)):
        return b""
    line, column = int(found[1]), int(found[2])
    return value.split(b"\n", line - 1)[-1][column - 1 :]


def _explain_framing(value: bytes) -> str | None:
    """Return the detail for a prefix that a serializer writes before its own format."""
    if value[:1] == b"x" and int.from_bytes(value[:2]) % 31 == 0 and _explain_binary(value[2:]):  # else text: "x y"
        return f"the value is compressed with zlib: {_UNPACKED}"
    if len(value) > _REGISTRY_BYTES and value[0] == 0 and value[1] != ord("{"):
        schema_id = int.from_bytes(value[1:_REGISTRY_BYTES])
        shown = f"schema id {schema_id}" if schema_id < _MOST_SCHEMAS else "a 4-byte schema id"
        content = _framed(value[_REGISTRY_BYTES:])
        return f"the value has a Schema Registry prefix (a zero byte, {shown}), then {content}: {_UNFRAMED}"
    if len(value) > _GLUE_BYTES and value[:2] in {b"\x03\x00", b"\x03\x05"}:
        return (
            f"the value has a prefix of the AWS Glue Schema Registry, then {_framed(value[_GLUE_BYTES:])}: {_UNFRAMED}"
        )
    if len(value) > _REGISTRY_BYTES and int.from_bytes(value[:4], "little") == len(value) and not value[-1]:
        return f"the value looks like BSON: {_PLAIN}"
    return None


def _framed(content: bytes) -> str:
    return "JSON" if content[:_INSPECTED_BYTES].lstrip(_JSON_SPACE).startswith((b"{", b"[")) else "Avro or Protobuf"


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
    is_text = value.lstrip(_JSON_SPACE).startswith((b"{", b"["))
    try:
        value.decode()
    except UnicodeDecodeError as error:
        if is_text:
            return (
                f"byte {error.start + 1:,} of the value is not UTF-8 (Latin-1, Windows-1252?): encode the JSON as UTF-8"
            )
        return f"the value is binary, such as Protobuf (byte {error.start + 1:,} is not UTF-8 text): {_PLAIN}"
    control = _CONTROL.search(value)
    if control and not is_text:  # the parser reports those inside JSON strings
        return f"the value is binary, such as Protobuf (byte {control.start() + 1:,} is a control character): {_PLAIN}"
    return None


def _explain_text(value: bytes, problem: str) -> str | None:
    """Return the detail for text in which the parser has found `problem`."""
    if "EOF while parsing" in problem:
        return f"{problem}: the value ends too early; send the whole object"
    if not value.lstrip(_JSON_SPACE).startswith((b"{", b"[", b'"')):
        return f"the value is text, but not JSON ({problem}): send one payment as a JSON object"
    return None
