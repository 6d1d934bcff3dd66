"""`fraudstream schema`: a payment.toml inferred from payments, or checked against them."""
