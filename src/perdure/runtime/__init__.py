"""What runs and waits: clock, chance, supervision, failpoints."""
