"""Connections, retries, upserts and the clock: what every table needs."""
