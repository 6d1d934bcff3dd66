"""What every process needs: settings, logs, life cycle, health, metrics, and files opened with care."""
