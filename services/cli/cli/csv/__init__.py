"""The CSV as the commands read it, refill it and erase rows from it."""
