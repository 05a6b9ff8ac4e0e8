"""Other conditions than those of the training: new soundscapes, and recordings that nobody mixed."""
