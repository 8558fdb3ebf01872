"""Motifs: from dice, the width and height of the stage, and colours to elements."""
