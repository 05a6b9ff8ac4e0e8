"""Threshold rules: scores over time -> masks."""
