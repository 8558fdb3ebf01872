"""Files as publishers and people write them."""
