"""Payments erased from what the services have stored: which ones, where they are in Kafka, and what is left there."""
