"""Detectors that score every frame: on frozen feature frames, and networks that are trained as a whole."""
