"""Fits the neighbourhood: for each item, weights of the items most like it."""
