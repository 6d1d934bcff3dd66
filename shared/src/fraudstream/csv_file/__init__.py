"""The CSV of scored payments on disk: journal, lock, owner, and requests beside it."""
