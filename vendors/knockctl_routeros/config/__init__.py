"""What of a RouterOS router is ours, as typed records: normal form, and text both ways."""
