"""From what a RouterOS router runs to what is intended, beside what others wrote there."""
