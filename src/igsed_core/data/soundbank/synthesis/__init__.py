"""Physical and source-filter models of sounds, made with NumPy and SciPy alone."""
