"""Who someone is: accounts, login sessions, throttling, tokens and mail."""
