"""`fraudstream erase`: rows of payments erased from CSV and archive."""
