"""Spark jobs: reading ratings, fitting both models, publishing releases."""
