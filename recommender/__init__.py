"""The maths and the release format, shared by training and serving. Imports numpy alone."""
