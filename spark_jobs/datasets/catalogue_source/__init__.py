"""Reads a catalogue of one's own: tables that a file describes, by Spark's readers."""
