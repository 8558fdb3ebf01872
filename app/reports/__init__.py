"""Accuracy of predictions, key figures of the site, and their charts."""
