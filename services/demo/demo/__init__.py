"""The whole system on one machine without Docker: the same services around an embedded broker."""
