"""The CSV of scored payments on disk: journal, lock, owner, and skip requests next to it."""
