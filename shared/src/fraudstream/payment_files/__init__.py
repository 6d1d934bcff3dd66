"""CSV and JSON Lines files of payments, for the producer, `score` and the trainer; docs/tables.md has the rules."""
