"""From what an IOS router runs to what is intended, beside what others wrote there."""
