"""Everything that talks to an IOS router: reading it, changing it, and the way back."""
