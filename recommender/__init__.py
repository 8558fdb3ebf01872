"""The model and the release format, shared by training and serving; needs numpy and msgspec."""

from __future__ import annotations

# Of the code, as in CHANGES.md; pyproject.toml has the same, which a test compares.
VERSION = "1.0.0"
