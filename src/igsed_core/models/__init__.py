"""The classifier: front end, encoders, feature frames, heads, training."""
