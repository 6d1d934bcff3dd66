"""Reading, refilling and erasing rows of the CSV, for the commands."""
