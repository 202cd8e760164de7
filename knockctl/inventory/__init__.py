"""Inventories: nornir's SimpleInventory, read as devices with their policies and placement."""
