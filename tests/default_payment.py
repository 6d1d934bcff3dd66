"""The default schema, its encoding and the names of its features: for models made by a test itself."""

from fraudstream.model.encoding import Encoding
from fraudstream.payment_schema import default_schema

SCHEMA = default_schema()
ENCODING = Encoding.without_levels(SCHEMA)
FEATURES = ENCODING.names
EDGES = ((5e-324, 1e12), (0.0, 1.0), (0.0, 10_000.0), (0.0, 23.0), (0.0, 1.0))
"""Lowest and highest value of each feature."""
