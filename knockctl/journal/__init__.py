"""What was done to which device, when, by whom, and what was there before."""
