"""Figures over time: accuracy, key figures of the site, and their charts."""
