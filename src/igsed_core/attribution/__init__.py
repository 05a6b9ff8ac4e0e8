"""Class score -> importance over time: one file per method, one registry, one runner."""
