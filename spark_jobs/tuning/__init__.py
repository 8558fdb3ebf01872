"""Cross-validation of a grid of parameters: the grid, its search, its results."""
