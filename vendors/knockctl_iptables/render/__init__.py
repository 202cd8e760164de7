"""From policies to what a Linux host is to run, and where it can't do what they say."""
