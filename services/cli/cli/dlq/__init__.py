"""`fraudstream dlq`: list, show, export and replay dead letters."""
