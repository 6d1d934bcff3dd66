"""The scorer: payments in, fraud probabilities out."""
