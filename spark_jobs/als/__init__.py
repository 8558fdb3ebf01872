"""Alternating least squares on blocked ratings."""
