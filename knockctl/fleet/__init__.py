"""Many devices: who is chosen, how many at once, what happened to each."""
