"""igsed: can a sound classifier that never saw a time stamp tell when a sound happens?"""

__version__ = "0.1.0"
