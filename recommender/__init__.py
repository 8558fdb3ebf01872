"""The model and the release format, shared by training and serving; needs numpy and msgspec."""
