"""Whether payments still look like those that the model learned from: reference, sliding histograms, alarms. Pure."""
