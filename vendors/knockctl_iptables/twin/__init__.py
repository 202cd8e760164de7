"""The lab's Linux host: a real kernel, so there is nothing to stand in for it."""
