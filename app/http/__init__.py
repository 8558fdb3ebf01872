"""What every request and response shares, whatever page it is about."""
