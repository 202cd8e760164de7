"""From what a firewall runs to what is intended, beside what others wrote there."""
