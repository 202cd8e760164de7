"""From policies to what an IOS router is to run, and where it can't do what they say."""
