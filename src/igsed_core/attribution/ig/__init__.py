"""Integrated Gradients: engines, quadrature rules, the path in decibels."""
