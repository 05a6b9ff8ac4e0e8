"""The encoder that is shipped with the package, and its weights."""
