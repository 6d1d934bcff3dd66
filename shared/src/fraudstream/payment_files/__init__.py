"""CSV and JSON Lines files of payments, for producer, `score` and trainer; docs/tables.md has the rules."""
