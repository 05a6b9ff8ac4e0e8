"""Page 12: how the integral is computed."""
