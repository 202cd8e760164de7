"""What of a firewall is ours, as typed records: normal form, and text both ways."""
