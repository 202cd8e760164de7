"""The lab's stand-in for a RouterOS router: how it is managed, and what it does with packets."""
