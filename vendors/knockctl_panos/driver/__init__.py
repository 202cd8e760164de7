"""Everything that talks to a firewall: reading it, changing it, and the way back."""
