"""Experiments with two variants: their users, what was recommended, and results."""
