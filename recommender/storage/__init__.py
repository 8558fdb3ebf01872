"""Releases in a folder or in S3: written, checked, promoted and read."""
