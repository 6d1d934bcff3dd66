"""`fraudstream dlq`: dead letters listed, shown, exported and replayed."""
