"""Splits, baselines and the gate that decides on promotion."""
