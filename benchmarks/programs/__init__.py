"""Programs that run beside the scorer, each a process of its own, configured by the scorer's environment variables."""
