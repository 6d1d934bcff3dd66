"""The fraud model: features, probabilities, decisions, reasons, and the versions stored on disk."""
