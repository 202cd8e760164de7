"""The lab's stand-in for an IOS router: how it is managed, and what it does with packets."""
