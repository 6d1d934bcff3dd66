"""The fraud model: features, probabilities, decisions, reasons, and the versions kept on disk."""
