"""Sounds: banks, soundscapes, recordings, and how they are fetched."""
