"""Demo of all services on one machine without Docker, with an embedded broker."""
