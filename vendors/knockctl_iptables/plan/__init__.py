"""From what a Linux host runs to what is intended, beside what others wrote there."""
