"""The audit's answers, made by rule from the run's numbers."""
