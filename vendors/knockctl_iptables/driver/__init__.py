"""Everything that talks to a Linux host: reading it, changing it, and the way back."""
