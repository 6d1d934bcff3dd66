"""What runs beside the scorer, each as a process of its own, told by the scorer's environment variables."""
