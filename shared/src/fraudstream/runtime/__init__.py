"""Runtime of every process: settings, logs, life cycle, health, metrics, and safe access to files."""
