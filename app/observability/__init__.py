"""Logs, timings, metrics, health and memory."""
