"""Everything that talks to a RouterOS router: reading it, changing it, and the way back."""
