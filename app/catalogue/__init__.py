"""Items of the catalogue: stored, counted, searched, with pictures."""
