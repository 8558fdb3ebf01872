"""Ratings that people bring from elsewhere: read, matched to the catalogue, stored, reported."""
