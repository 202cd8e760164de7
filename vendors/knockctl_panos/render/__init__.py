"""From policies to what a firewall is to run, and where it can't do what they say."""
