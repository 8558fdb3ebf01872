"""Data sets in the layouts their publishers use, read into one normal form."""
