"""`fraudstream dlq`: what could not be scored, to be looked at, taken out, mended, and sent to the input again."""
