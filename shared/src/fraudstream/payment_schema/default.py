"""The default schema: the copy of `data/payment.toml` that is installed with the library."""

from functools import cache
from importlib import resources

from fraudstream.payment_schema.parsing import parse
from fraudstream.payment_schema.schema import PaymentSchema


@cache
def default_schema() -> PaymentSchema:
    """Return the schema that applies where there is no `data/payment.toml`."""
    return parse(resources.files(__package__).joinpath("payment.toml").read_text(), "payment.toml")
