"""The schema of a payment as the page shows it: label, format and role of each field. Pure."""

from typing import Any, Literal

from fraudstream.payment_schema import DeclaredField, PaymentSchema

__all__ = ["described"]

Format = Literal["amount", "flag", "hour", "number", "time", "text"]

_DAY = 24


def described(schema: PaymentSchema, currency: str = "") -> dict[str, Any]:
    """Return the schema for the page: its layout, the currency of its amounts, and the fields in their order."""
    role_of = _roles(schema)
    formats = {name: _format(field, role_of.get(name)) for name, field in schema.fields.items()}
    hours = list(formats.values()).count("hour")
    return {
        "layout": schema.layout,
        "has_secrets": schema.has_secrets,
        "currency": currency,
        "fields": [
            {
                "name": name,
                "label": "Hour of the day" if formats[name] == "hour" and hours == 1 else _label(field, formats[name]),
                "type": field.type,
                "format": formats[name],
                "role": role_of.get(name),
                "secret": field.secret,
                "index": field.index,
                "max_length": field.max_length if field.type in {"text", "category"} else None,
            }
            for name, field in schema.fields.items()
        ],
    }


def _roles(schema: PaymentSchema) -> dict[str, str]:
    """Return the role of each field that has one; of several, the first of id, amount, time and key."""
    named = {"key": schema.key, "time": schema.time, "amount": schema.amount, "id": schema.id}
    return {name: role for role, name in named.items() if name is not None}


def _format(field: DeclaredField, role: str | None) -> Format:
    if field.secret or field.type in {"text", "category"}:
        return "text"  # of a secret, its token
    if field.type == "time":
        return "time"
    if field.type == "boolean" or (field.type == "integer" and (field.min, field.max) == (0, 1)):
        return "flag"
    if field.type == "integer" and field.feature is not None and field.feature.period == _DAY:
        return "hour"
    return "amount" if role == "amount" else "number"


def _label(field: DeclaredField, shown_as: Format) -> str:
    words = field.column.replace("_", " ").strip()
    if shown_as == "flag":
        words = words.removeprefix("is ")
    return (words[:1].upper() + words[1:]) or field.column
