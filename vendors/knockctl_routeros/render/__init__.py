"""From policies to what a RouterOS router is to run, and where it can't do what they say."""
