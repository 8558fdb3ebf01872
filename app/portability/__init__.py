"""Data that people bring, take along, or that an operator moves in bulk."""
