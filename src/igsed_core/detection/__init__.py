"""Scores over time -> frames -> masks -> metrics: instances, baselines, thresholds, the localiser."""
