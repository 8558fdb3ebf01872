"""Spark jobs: reading ratings, fitting both heads, publishing releases."""
