"""Policies: the model, its YAML, its secrets, and what is wrong with it."""
