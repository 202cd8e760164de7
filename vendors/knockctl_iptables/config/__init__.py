"""What of a Linux host is ours, as typed records: normal form, and text both ways."""
