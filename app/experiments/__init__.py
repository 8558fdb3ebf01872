"""Two arms beside each other: who gets which, what each served, and which does better."""
