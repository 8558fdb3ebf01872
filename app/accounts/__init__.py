"""Accounts: login sessions, throttling, tokens and mail."""
