"""What of an IOS router is ours, as typed records: normal form, and text both ways."""
