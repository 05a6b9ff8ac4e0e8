"""Attacks on the waveform: small, exact, each clip by itself, within the range that a file can hold."""
