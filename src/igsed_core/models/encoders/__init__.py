"""Frozen encoders, one file per network, and their registry."""
