"""Logs, timings, metrics and memory."""
