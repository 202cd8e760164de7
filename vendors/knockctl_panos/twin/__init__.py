"""The lab's stand-in for a firewall: how it is managed, and what it does with packets."""
