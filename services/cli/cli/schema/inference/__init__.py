"""A commented `payment.toml` inferred from rows: types, roles, natural ranges and secrets, and no value of any row."""

from cli.schema.inference.inference import Inference, Inferred

__all__ = ["Inference", "Inferred"]
