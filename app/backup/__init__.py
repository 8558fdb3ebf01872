"""The whole database as one file, and back, into any kind of database."""
